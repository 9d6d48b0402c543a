"""The XML that QTM made up and Theia took over: cameras with a transform and intrinsics as attributes."""

from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float

from mocap3d.calibration.formats.opencv_table import check_rotation
from mocap3d.errors import CalibrationError

ROTATION = tuple(f"r{row}{column}" for row in "123" for column in "123")


def named_cameras(root: ElementTree.Element, where: str) -> Iterator[tuple[str, ElementTree.Element]]:
    """The active cameras by their serial."""
    seen = set()
    for element in root.iter("camera"):
        if element.get("active", "1") == "0":
            continue
        name = element.get("serial", "")
        if not name or name in seen:
            raise CalibrationError(
                f"{where}: camera serial '{name}' is {'twice in' if name else 'missing from'} the file. "
                "Give every camera its own serial."
            )
        seen.add(name)
        yield name, element


def intrinsic_of(
    element: ElementTree.Element, where: str, *, units_per_px: float
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, " 5"]]:
    """Camera matrix in px of the whole sensor, and k1 k2 p1 p2 k3: those have no unit."""
    names = ("focalLengthU", "focalLengthV", "centerPointU", "centerPointV", "skew")
    fu, fv, cu, cv, skew = attributes(element, "intrinsic", names, where, skew="0") / units_per_px
    names = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
    distortion = attributes(element, "intrinsic", (*names, "radialDistortion3"), where, radialDistortion3="0")
    return np.array([[fu, skew, cu], [0, fv, cv], [0, 0, 1]]), distortion


def transform_of(element: ElementTree.Element, where: str) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, " 3"]]:
    """The transform's rotation and its x, y, z, as they stand in the file."""
    rotation = attributes(element, "transform", ROTATION, where).reshape(3, 3)
    check_rotation(rotation, f"{where}: transform")
    return rotation, attributes(element, "transform", ("x", "y", "z"), where)


def attributes(
    element: ElementTree.Element, tag: str, names: tuple[str, ...], where: str, **defaults: str
) -> Float[np.ndarray, " n"]:
    """Numeric attributes of a child element, in the order of ``names``."""
    child = element.find(tag)
    if child is None:
        raise CalibrationError(f"{where} has no <{tag}>: it was not calibrated for video. Calibrate it again.")
    texts = {name: child.get(name, defaults.get(name, "")) for name in names}
    try:
        values = np.array([float(text) for text in texts.values()])
    except ValueError:
        raise CalibrationError(f"{where}: <{tag}> needs the numbers {', '.join(names)}; found {texts}.") from None
    if not np.isfinite(values).all():
        raise CalibrationError(f"{where}: <{tag}> holds NaN or infinity: {texts}. Calibrate this camera again.")
    return values


def add_child(element: ElementTree.Element, tag: str, **numbers: float | int) -> None:
    """A child element with numeric attributes, every digit kept."""
    ElementTree.SubElement(element, tag, {name: f"{number:.17g}" for name, number in numbers.items()})


def add_transform(
    element: ElementTree.Element, rotation: Float[np.ndarray, "3 3"], xyz: Float[np.ndarray, " 3"]
) -> None:
    """What :func:`transform_of` reads."""
    entries = dict(zip((*ROTATION, "x", "y", "z"), [*rotation.ravel().tolist(), *xyz.tolist()], strict=True))
    add_child(element, "transform", **entries)


def document(root: ElementTree.Element) -> str:
    """The file's text."""
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
