"""Who hides what from whom."""

from math import pi

import numpy as np
import pytest

from mocap3d.session.rig import CameraTable
from mocap3d.synthesis.occlusion import DEEP_M, DEPTH_M, occluded, spheres_of
from mocap3d.synthesis.walk import Circle, Gait, walking_person

NAMES = ("Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "LHip", "RHip", "Hip", "Neck", "Head")
STANDING = Gait(arm_swing_rad=0.0, step_m=0.01)


def person_at(x: float, y: float) -> dict[str, np.ndarray]:
    """Somebody who hardly moves, facing +x."""
    way = Circle((x, y + 50.0), 50.0, -pi / 2)
    return {name: p[:1] for name, p in walking_person(2, rate_hz=60.0, gait=STANDING, way=way).items()}


def camera_at(x: float, y: float, z: float = 1.4):
    return CameraTable("cam", (x, y, z), (1920, 1080), look_at_m=(0.0, 0.0, 1.2), focal_px=1000.0).camera()


def hidden_from(x: float, y: float, *people) -> set[str]:
    people = people or (person_at(0.0, 0.0),)
    hidden = occluded(camera_at(x, y), people, [1.75] * len(people), NAMES)[0, 0]
    return {name for name, is_hidden in zip(NAMES, hidden, strict=True) if is_hidden}


def test_from_ahead_all_is_seen():
    assert hidden_from(4.0, 0.0) == set()


def test_from_behind_the_face_is_hidden():
    assert hidden_from(-4.0, 0.0) == {"Nose", "LEye", "REye"}


@pytest.mark.parametrize(("y", "far"), [(4.0, "R"), (-4.0, "L")])
def test_from_a_side_the_other_side_is_hidden(y, far):
    hidden = hidden_from(0.0, y)
    assert {f"{far}Ear", f"{far}Hip", f"{far}Shoulder"} <= hidden
    near = "L" if far == "R" else "R"
    assert not hidden & {f"{near}Ear", f"{near}Eye", f"{near}Shoulder", "Head"}  # its hip may be behind the hand


def test_somebody_in_between_hides_the_trunk():
    ahead, behind = person_at(1.5, 0.0), person_at(0.0, 0.0)
    assert {"Hip", "Neck", "LHip", "RHip"} <= hidden_from(4.0, 0.0, behind, ahead)
    assert hidden_from(4.0, 0.0, ahead, behind) == set()
    assert hidden_from(4.0, 0.0, behind, person_at(1.5, 1.5)) == set()


def test_lines_of_sight_agree_with_walking_along_them():
    """Oracle: 4 mm steps from the camera to every keypoint, asking at each whether it is inside a sphere."""
    people = [person_at(0.0, 0.0), person_at(0.5, 0.5)]
    camera = camera_at(2.5, 2.0)
    spheres = [spheres_of(person, 1.75) for person in people]
    centres = np.concatenate([centre[0] for centre, _ in spheres])
    radii = np.concatenate([radius for _, radius in spheres])
    eye = camera.centre_in_world.numpy()
    fast = occluded(camera, people, [1.75, 1.75], NAMES)[0]
    for n, person in enumerate(people):
        for k, name in enumerate(NAMES):
            way = person[name][0] - eye
            length = np.linalg.norm(way)
            steps = np.arange(0.0, length - DEEP_M.get(name, DEPTH_M), 0.004)[:, None] * way / length + eye
            inside = (np.linalg.norm(steps[:, None] - centres, axis=-1) < radii).any()
            assert fast[n, k] == inside, name
