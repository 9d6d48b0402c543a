"""A person's skeleton as an OpenSim 4 model, and the set-up to run inverse kinematics on the markers beside it.

The model is the fitted kinematic tree itself: the same joints, axes, lengths and degrees of freedom, with the keypoints
as markers. The .mot that ``write_mot`` writes moves it exactly as fitted. Masses are de Leva's (1996), inertias those
of uniform rods: kinematics need neither, and dynamics deserve a model with muscles, scaled with the same TRC file.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml
from xml.etree.ElementTree import Element

import numpy as np
from jaxtyping import Float

from mocap3d.export.axes import OPENSIM
from mocap3d.export.coordinates import PLACE
from mocap3d.export.description import person_index, program_version
from mocap3d.export.trc import marker_names
from mocap3d.session.files import write_text
from mocap3d.session.records import Motion
from mocap3d.skeletons.inertia import SEGMENTS, between
from mocap3d.skeletons.kinematics import Joint, JointKind, ScaledSkeleton
from mocap3d.skeletons.skeleton import Skeleton

VERSION = "40000"  # of the XML: every OpenSim 4 reads it
MASS_KG = 70.0
HEIGHT_OF_MASS_M = 1.75
TRUNK = {"pelvis": (0.1247, 0.1117), "lumbar": (0.1465, 0.1633), "thorax": (0.1545, 0.1596)}
"""De Leva's lower, middle and upper part of the trunk, of women and men."""
FOOT_SHARES = {"ankle": 0.1, "subtalar": 0.7, "mtp": 0.2}
SMALL_KG = 0.2
"""Of neck and clavicles, whose mass de Leva counts to the trunk."""
MARKER_SIGMA_M = 0.001
RADIUS = 0.1
"""Of a bone as drawn, and of its rod of mass / its length."""


def write_osim(motion: Motion, person: str, skeleton: Skeleton, path: Path) -> None:
    """One person's model, Y up, metres; ``skeleton`` is the keypoint set to which the motion was fitted."""
    measured = motion.skeletons[person_index(motion.people, person)]
    document = Element("OpenSimDocument", Version=VERSION)
    model = _add(document, "Model", name=path.stem)
    credits_text = (
        f"{' '.join(person.split())}, {measured.height_m:.3f} m; {OPENSIM.description}; mocap3d {program_version()}"
    )
    _add(model, "credits", credits_text)
    _add(model, "length_units", "meters")
    _add(model, "force_units", "N")
    _add(model, "gravity", "0 -9.80665 0")
    _add(model, "Ground", name="ground")
    bodies = _add(_add(model, "BodySet", name="bodyset"), "objects")
    joints = _add(_add(model, "JointSet", name="jointset"), "objects")
    for j, joint in enumerate(measured.tree.joints):
        if joint.kind is not JointKind.FIXED:
            _add_body(bodies, measured, j)
            _add_joint(joints, measured, j)
    markers = _add(_add(model, "MarkerSet", name="markerset"), "objects")
    for name, body, location in _markers(measured, skeleton):
        marker = _add(markers, "Marker", name=name)
        _add(marker, "socket_parent_frame", f"/bodyset/{body}")
        _add(marker, "location", _numbers(location))
        _add(marker, "fixed", "true")
    write_text(path, _text(document))


def write_ik_setup(motion: Motion, person: str, skeleton: Skeleton, path: Path, *, model: str, markers: str) -> None:
    """The set-up of InverseKinematicsTool; ``model`` and ``markers`` are the names of .osim and .trc beside it.

    Run it with ``opensim-cmd run-tool``, or load it in the IK tool of the GUI. Markers at joints do not tell every
    angle: what they leave open is drawn to where it rests, as weakly as people differ in it.
    """
    measured = motion.skeletons[person_index(motion.people, person)]
    document = Element("OpenSimDocument", Version=VERSION)
    tool = _add(document, "InverseKinematicsTool", name=path.stem)
    _add(tool, "model_file", model)
    _add(tool, "constraint_weight", "Inf")
    _add(tool, "accuracy", "1e-5")
    tasks = _add(_add(tool, "IKTaskSet", name="ik_tasks"), "objects")
    for name, _, _ in _markers(measured, skeleton):
        task = _add(tasks, "IKMarkerTask", name=name)
        _add(task, "apply", "true")
        _add(task, "weight", "1")
    for at, dof in [(at, dof) for at, joint in enumerate(measured.tree.joints) for dof in joint.dofs]:
        # The root's angles are about the axes of the room: where it rests depends on where its owner faces.
        spread_rad = math.pi if at == 0 else dof.spread_rad
        task = _add(tasks, "IKCoordinateTask", name=dof.name)
        _add(task, "apply", "true")
        _add(task, "weight", f"{(MARKER_SIGMA_M / spread_rad) ** 2:.9f}")
        _add(task, "value_type", "default_value")
    _add(tool, "marker_file", markers)
    _add(tool, "time_range", f"{float(motion.t_s[0]):.8f} {float(motion.t_s[-1]):.8f}")
    _add(tool, "report_errors", "true")
    _add(tool, "output_motion_file", f"{path.stem}.mot")
    write_text(path, _text(document))


def _markers(measured: ScaledSkeleton, skeleton: Skeleton) -> list[tuple[str, str, Float[np.ndarray, "3"]]]:
    """Name, body and place in its axes of every keypoint that the body knows."""
    joints, offset = measured.tree.joints, measured.offset_in_parent.numpy()
    names = marker_names(skeleton.keypoints)
    found = []
    for k, place in enumerate(measured.tree.placements(skeleton)):
        own = measured.offset_m[k].numpy()
        if place is None or not np.isfinite(own).all():
            continue
        beside = own if place.anchor == place.segment else offset[place.anchor] + own
        found.append((names[k], joints[place.segment].segment, beside))
    return found


def _add_body(objects: Element, measured: ScaledSkeleton, j: int) -> None:
    joint = measured.tree.joints[j]
    ends = [measured.offset_in_parent[child].numpy() for child in measured.tree.children(j)]
    body = _add(objects, "Body", name=joint.segment)
    frames = _add(body, "components")
    for n, end in enumerate(ends):
        _add_bone(frames, f"{joint.segment}_bone_{n + 1}", end)
    along = np.mean(ends, axis=0) if ends else np.zeros(3)
    mass_kg = _mass_fraction(joint) * MASS_KG * (measured.height_m / HEIGHT_OF_MASS_M) ** 2 or SMALL_KG
    length = max(float(np.linalg.norm(along)), 0.05)
    _add(body, "mass", f"{mass_kg:.6f}")
    _add(body, "mass_center", _numbers(along * _centre_fraction(joint)))
    across, own = mass_kg * length**2 * (1 / 12 + RADIUS**2 / 4), mass_kg * length**2 * RADIUS**2 / 2
    _add(body, "inertia", _numbers([across, max(own, across / 50), across, 0.0, 0.0, 0.0]))


def _add_bone(frames: Element, name: str, end: Float[np.ndarray, "3"]) -> None:
    """A cylinder from the body's origin to a joint on it; a cylinder's own axis is y."""
    length = float(np.linalg.norm(end))
    if length == 0:
        return
    x, y, z = end / length
    frame = _add(frames, "PhysicalOffsetFrame", name=name)
    shape = _add(_add(frame, "attached_geometry"), "Cylinder", name=f"{name}_shape")
    _add(shape, "radius", f"{RADIUS * length:.6f}")
    _add(shape, "half_height", f"{length / 2:.6f}")
    _add(frame, "socket_parent", "..")
    _add(frame, "translation", _numbers(end / 2))
    # Body-fixed x, y, z angles that carry y to the bone: about x, then z; the y between is free.
    tilt = math.asin(max(-1.0, min(1.0, -x)))
    _add(frame, "orientation", _numbers([math.atan2(z, y), 0.0, tilt]))


def _add_joint(objects: Element, measured: ScaledSkeleton, j: int) -> None:
    """Its degrees of freedom in their order, the first axis fixed to the parent; the root has its place besides."""
    joint = measured.tree.joints[j]
    parent = "ground" if joint.parent < 0 else f"bodyset/{measured.tree.joints[joint.parent].segment}"
    element = _add(objects, "CustomJoint", name=joint.name if joint.parent >= 0 else f"ground_{joint.segment}")
    _add(element, "socket_parent_frame", "parent_offset")
    _add(element, "socket_child_frame", f"/bodyset/{joint.segment}")
    coordinates = _add(element, "coordinates")
    for dof in joint.dofs:
        _add_coordinate(coordinates, dof.name, dof.ease_rad, (dof.min_rad, dof.max_rad))
    for name in PLACE if joint.parent < 0 else ():
        _add_coordinate(coordinates, name, 0.0, (-100.0, 100.0))
    frame = _add(_add(element, "frames"), "PhysicalOffsetFrame", name="parent_offset")
    _add(frame, "socket_parent", f"/{parent}")
    _add(frame, "translation", _numbers(measured.offset_in_parent[j].numpy()))
    _add(frame, "orientation", "0 0 0")
    transform = _add(element, "SpatialTransform")
    axes = _three_axes([np.array(dof.axis) for dof in joint.dofs])
    for n, axis in enumerate(axes):
        _add_axis(transform, f"rotation{n + 1}", axis, joint.dofs[n].name if n < len(joint.dofs) else None)
    for n, axis in enumerate(np.eye(3)):
        _add_axis(transform, f"translation{n + 1}", axis, PLACE[n] if joint.parent < 0 else None)


def _add_coordinate(coordinates: Element, name: str, at_ease: float, bounds: tuple[float, float]) -> None:
    coordinate = _add(coordinates, "Coordinate", name=name)
    _add(coordinate, "default_value", _numbers([at_ease]))
    _add(coordinate, "range", _numbers(bounds))
    _add(coordinate, "clamped", "false")


def _add_axis(transform: Element, name: str, axis: Float[np.ndarray, "3"], coordinate: str | None) -> None:
    element = _add(transform, "TransformAxis", name=name)
    _add(element, "coordinates", coordinate or "")
    _add(element, "axis", _numbers(axis))
    if coordinate is None:
        _add(_add(element, "Constant", name="function"), "value", "0")
    else:
        _add(_add(element, "LinearFunction", name="function"), "coefficients", "1 0")


def _three_axes(axes: Sequence[Float[np.ndarray, "3"]]) -> list[Float[np.ndarray, "3"]]:
    """The axes, and others that no two are parallel to, as OpenSim wants three."""
    found = list(axes)
    for candidate in np.eye(3):
        if len(found) < 3 and all(abs(candidate @ axis) < 0.9 for axis in found):
            found.append(candidate)
    return found


def _mass_fraction(joint: Joint) -> float:
    """Of the body's mass, between women's and men's; 0 where de Leva has no such segment."""
    stem = joint.name.removesuffix("_r").removesuffix("_l")
    if stem in TRUNK:
        return between(TRUNK[stem], 0.5)
    by_start = {segment.proximal.removesuffix("_{side}"): segment.mass_fraction for segment in SEGMENTS}
    if stem in FOOT_SHARES:
        return FOOT_SHARES[stem] * between(by_start["subtalar"], 0.5)
    return between(by_start["head_top" if stem == "head" else stem], 0.5) if stem in by_start or stem == "head" else 0.0


def _centre_fraction(joint: Joint) -> float:
    stem = joint.name.removesuffix("_r").removesuffix("_l")
    by_start = {segment.proximal.removesuffix("_{side}"): segment.centre_fraction for segment in SEGMENTS}
    return between(by_start[stem], 0.5) if stem in ("shoulder", "elbow", "wrist", "hip", "knee") else 0.5


def _add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    element = Xml.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _numbers(values: Sequence[float] | Float[np.ndarray, " n"]) -> str:
    return " ".join(f"{float(value) + 0.0:.9f}" for value in values)


def _text(document: Element) -> str:
    Xml.indent(document)
    return Xml.tostring(document, encoding="unicode", xml_declaration=True) + "\n"
