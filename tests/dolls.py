"""Dolls before cameras: small scenes for the tests of rendering, drawn without any package or file."""

from functools import cache

import numpy as np

from mocap3d.synthesis.rendering.backdrop import Flat
from mocap3d.synthesis.rendering.body import KEYPOINTS, Pose
from mocap3d.synthesis.rendering.camera import HEIGHT, WIDTH, Framing, View, Viewpoint, framed
from mocap3d.synthesis.rendering.fabric import SIZE
from mocap3d.synthesis.rendering.light import Light
from mocap3d.synthesis.rendering.mannequin import mannequin
from mocap3d.synthesis.rendering.sensor import Sensor
from mocap3d.synthesis.rendering.shot import Shot, shoot
from mocap3d.synthesis.rendering.staging import Moment, Standing, yawed
from mocap3d.synthesis.rendering.studio import Studio
from mocap3d.synthesis.rendering.wardrobe import dressed

WHITE = np.full((300, SIZE, SIZE, 3), 255, np.uint8)
"""A bank of plain textures."""
EVEN = Light(*(np.array(v, np.float32) for v in ([0, 0, 1], [0, 0, 0], [1, 1, 1], [1, 1, 1])), 0.0)
"""The same from everywhere."""
FAULTLESS = Sensor(0.5, 1.0, (1.0, 1.0, 1.0), 0.0, (0.0, 0.0), 1.0, 0.0, 0)
UNCLUTTERED = 0
"""A seed with which nothing is drawn over the picture."""
GREY = Flat(np.full((HEIGHT, WIDTH, 3), 0.5, np.float32))
STUDIO = Studio(mannequin(), {}, None, ())


def index(keypoint: str) -> int:
    return KEYPOINTS.index(keypoint)


def at_rest() -> Pose:
    """Upright, arms away from the trunk, facing -y."""
    one, none = np.eye(3), np.zeros(2)
    clavicle, upper_arm, forearm, hand, thigh, shank, foot = (np.repeat(one[None], 2, axis=0) for _ in range(7))
    return Pose(one, one, one, clavicle, upper_arm, none, forearm, none, hand, none, thigh, shank, foot, none)


@cache
def doll(seed: int = 0):
    """Somebody dressed somehow; the same for the same seed."""
    return dressed(mannequin(), {}, np.random.default_rng(seed))


def standing(pose: Pose | None = None, *, yaw_rad: float = 0.0, seed: int = 0) -> Standing:
    """On the floor over the origin."""
    person = doll(seed).posed(yawed(pose or at_rest(), yaw_rad))
    lowest = person.mesh.vertices[person.mesh.triangles, 2].min()
    hip = person.keypoints[index("Hip")]
    return person.moved(np.array([-hip[0], -hip[1], -lowest], float))


def viewpoint(x: float, y: float, z: float = 1.0) -> Viewpoint:
    """Level, looking over the origin."""
    ahead = np.array([-x, -y, 0.0]) / np.hypot(x, y)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    return Viewpoint(np.stack([right, [0.0, 0.0, -1.0], ahead]), np.array([x, y, z]))


def view_of(person, x: float, y: float, z: float = 1.0) -> View:
    return framed(viewpoint(x, y, z), person.keypoints, Framing(1.0, (0.0, 0.0)))


def shot_of(people, view: View, *, things=(), light: Light = EVEN, backdrop=GREY) -> Shot:
    """Without clutter, faults or chance; labels are those of the first of the people."""
    return shoot(
        Moment(tuple(people), tuple(things), 0.0),
        view,
        light,
        backdrop,
        WHITE,
        FAULTLESS,
        np.random.default_rng(UNCLUTTERED),
    )
