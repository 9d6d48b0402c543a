"""A jointed doll of tubes and eggs: drawn by us, needs no package and no file, and is there in milliseconds.

Measures are those of :mod:`mocap3d.synthesis.anthropometry`. What it lacks against the anny body is skin that bends,
faces and MakeHuman's clothes.
"""

from functools import cache

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.sparse import csr_array

from mocap3d.synthesis import anthropometry as measure
from mocap3d.synthesis.rendering.body import KEYPOINTS, Body, Part, Rig
from mocap3d.synthesis.rendering.doll import MARK, Doll

N_SHAPES = 64
_LIMB_BONES = ("clavicle", "upper_arm", "forearm", "hand", "thigh", "shank", "foot")
_BONES = ("root", "lumbar", "thorax", "neck", "head", *(f"{bone}{side}" for side in "LR" for bone in _LIMB_BONES))
_PARENTS = {
    "lumbar": "root", "thorax": "lumbar", "neck": "thorax", "head": "neck", "clavicle": "thorax",
    "upper_arm": "clavicle", "forearm": "upper_arm", "hand": "forearm", "thigh": "root", "shank": "thigh",
    "foot": "shank",
}  # fmt: skip
_ARMS_OUT_RAD = 0.6
"""At rest the arms hang this far from straight down."""
_OF_BONE = {
    "Nose": "head", "Eye": "head", "Ear": "head", "Head": "head", "Shoulder": "upper_arm", "Elbow": "forearm",
    "Wrist": "hand", "Hip": "thigh", "Knee": "shank", "Ankle": "foot", "BigToe": "foot", "SmallToe": "foot",
    "Heel": "foot",
}  # fmt: skip
"""The bone that carries a keypoint of a side, or of the head."""
_STARTS = {
    "upper_arm": "Shoulder", "forearm": "Elbow", "hand": "Wrist", "thigh": "Hip", "shank": "Knee", "foot": "Ankle",
}  # fmt: skip

Points = dict[str, Float[np.ndarray, " 3"]]


@cache
def mannequin() -> Body:
    """64 dolls of different height and girth."""
    rng = np.random.default_rng(0)
    dolls, heads, marks = zip(*(_doll(rng) for _ in range(N_SHAPES)), strict=True)
    doll: Doll = dolls[0]
    shapes = np.stack([np.stack(each.vertices) for each in dolls]).astype(np.float32)
    n = len(doll.vertices)
    return Body(
        name="mannequin",
        parents=np.array([_parent(bone) for bone in _BONES], np.int32),
        rig=_rig(),
        n_drawn=n,
        triangles=np.array(doll.triangles, np.int32),
        texture_uv=np.array(doll.texture_uv, np.float32),
        texture_triangles=np.array(doll.triangles, np.int32),
        weight=np.ones((n, 1), np.float32),
        bone=np.array([_BONES.index(bone) for bone in doll.bone], np.int32)[:, None],
        part=np.array([_part(bone) for bone in doll.bone], np.int8),
        light=np.ones(n, np.float32),
        regions=_regions(doll, shapes[0]),
        keypoint_of_vertex=_keypoint_rows(marks[0], n),
        shapes=shapes,
        heads=np.stack(heads).astype(np.float32),
    )


def _parent(bone: str) -> int:
    if bone == "root":
        return -1
    side = bone[-1] if bone[-1] in "LR" else ""
    parent = _PARENTS[bone.removesuffix(side)]
    return _BONES.index(parent if parent in _BONES else parent + side)


def _part(bone: str) -> Part:
    if bone in ("neck", "head"):
        return Part.HEAD
    name = f"{bone[:-1]}_{bone[-1]}".upper()
    return Part[name] if name in Part.__members__ else Part.TORSO


def _rig() -> Rig:
    def pair(name: str) -> tuple[int, int]:
        return _BONES.index(f"{name}L"), _BONES.index(f"{name}R")

    def singles(name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        left, right = pair(name)
        return (left,), (right,)

    return Rig(
        spine=(_BONES.index("lumbar"), _BONES.index("thorax")),
        neck=(_BONES.index("neck"), _BONES.index("head")),
        clavicle=pair("clavicle"),
        upper_arm=singles("upper_arm"),
        forearm=singles("forearm"),
        hand=pair("hand"),
        fingers=((), ()),
        thigh=pair("thigh"),
        shank=pair("shank"),
        foot=pair("foot"),
        toes=((), ()),
    )


def _keypoint_rows(marks: dict[str, int], n_vertices: int) -> csr_array:
    rows = np.zeros((len(KEYPOINTS), n_vertices), np.float32)
    for k, name in enumerate(KEYPOINTS):
        sources = {"Neck": ("LShoulder", "RShoulder"), "Hip": ("LHip", "RHip")}.get(name, (name,))
        for source in sources:
            rows[k, marks[source]] = 1 / len(sources)
    return csr_array(rows)


def _joints(rng: Generator) -> Points:
    """Keypoints and bone heads of one build, at rest, facing -y."""
    tall, leg, wide = rng.normal(0.97, 0.06), rng.normal(1, 0.03), rng.normal(1, 0.05)
    hip_z = (measure.ANKLE_HEIGHT_M + (measure.THIGH_M + measure.SHANK_M) * leg) * tall
    neck_z = hip_z + measure.TRUNK_M * tall
    skull = np.array([0, -0.01, neck_z + measure.SKULL_BASE_M * tall])
    at: Points = {"root": np.array([0, 0, hip_z])}
    at["lumbar"], at["thorax"] = (np.array([0, 0, hip_z + share * (neck_z - hip_z)]) for share in (0.2, 0.5))
    at |= {"neck": np.array([0, 0, neck_z + 0.02]), "head": skull}
    at |= {name: skull + _forward_left_up(offset) * tall for name, offset in measure.HEAD.items()}
    arm = np.array([np.sin(_ARMS_OUT_RAD), 0, -np.cos(_ARMS_OUT_RAD)])
    bent = arm - np.array([0, 0.12, 0])
    for side, sign in measure.SIDES:
        mirror = np.array([sign, 1, 1])
        shoulder = np.array([measure.SHOULDER_HALF_WIDTH_M * wide * tall, 0, neck_z])
        elbow = shoulder + arm * measure.UPPER_ARM_M * tall
        wrist = elbow + bent / np.linalg.norm(bent) * measure.FOREARM_M * tall
        hip = np.array([measure.HIP_HALF_WIDTH_M * tall, 0, hip_z])
        knee = hip - [-0.01, 0.005, measure.THIGH_M * leg * tall]
        ankle = np.array([knee[0] + 0.005, 0.01, measure.ANKLE_HEIGHT_M * tall])
        own = {"Shoulder": shoulder, "Elbow": elbow, "Wrist": wrist, "Hip": hip, "Knee": knee, "Ankle": ankle}
        own |= {name: ankle + _forward_left_up(offset) * tall for name, offset in measure.FOOT.items()}
        own |= {name: skull + _forward_left_up(offset) * tall for name, offset in measure.FACE.items()}
        at |= {side + name: point * mirror for name, point in own.items()}
    return at


def _forward_left_up(offset: tuple[float, float, float]) -> Float[np.ndarray, " 3"]:
    """Forward is -y, left is +x."""
    return np.array([offset[1], -offset[0], offset[2]])


def _doll(rng: Generator) -> tuple[Doll, Float[np.ndarray, "b 3"], dict[str, int]]:
    """Mesh, bone heads, and the vertices that mark keypoints, of one build."""
    at, girth, doll = _joints(rng), float(np.clip(rng.normal(1, 0.12), 0.75, 1.35)), Doll()
    _trunk(doll, at, girth)
    _head(doll, at)
    for side, sign in measure.SIDES:
        _arm(doll, at, side, girth)
        _leg(doll, at, side, girth, sign)
    marks = {name: doll.mark(_carrier(name), at[name]) for name in KEYPOINTS if name not in ("Neck", "Hip")}
    return doll, np.stack([_start(bone, at) for bone in _BONES]), marks


def _start(bone: str, at: Points) -> Float[np.ndarray, " 3"]:
    """Where a bone begins."""
    if bone.startswith("clavicle"):
        return at["neck"]
    return at[bone] if bone in at else at[bone[-1] + _STARTS[bone[:-1]]]


def _carrier(keypoint: str) -> str:
    if keypoint in _OF_BONE:
        return _OF_BONE[keypoint]
    bone = _OF_BONE[keypoint[1:]]
    return bone if bone == "head" else bone + keypoint[0]


def _trunk(doll: Doll, at: Points, girth: float) -> None:
    """Three rigid pieces that overlap: hips, belly, chest."""
    z = [at["root"][2] - 0.09, at["lumbar"][2], at["thorax"][2], at["neck"][2]]
    for bone, low, high, widths in (
        ("root", z[0], z[1] + 0.03, (0.1, 0.165, 0.165, 0.145)),
        ("lumbar", z[1] - 0.03, z[2] + 0.04, (0.145, 0.14, 0.14, 0.145)),
        ("thorax", z[2] - 0.03, z[3] + 0.03, (0.145, 0.165, 0.175, 0.09)),
    ):
        centres = np.array([[0, 0, level] for level in np.linspace(low, high, len(widths))])
        doll.rings(bone, "torso", centres, np.array(widths) * girth, np.array(widths) * 0.66 * girth)
    doll.limb("neck", "neck", at["neck"], at["head"] + np.array([0, 0, 0.03]), (0.06, 0.055, 0.055))


def _head(doll: Doll, at: Points) -> None:
    ears = (at["LEar"] + at["REar"]) / 2
    skull = (at["Head"] + ears) / 2 - [0, 0.0, 0.045]
    middle = np.array([0, ears[1] - 0.005, skull[2]])
    doll.egg("head", "skull", middle, np.array([0.077, 0.098, at["Head"][2] - skull[2]]), rings=15)
    doll.egg("head", "nose", at["Nose"] + np.array([0, 0.012, 0.006]), np.array([0.015, 0.02, 0.024]))
    doll.egg("head", "mouth", at["Nose"] + np.array([0, 0.028, -0.042]), np.array([0.026, 0.012, 0.009]), rings=5)
    for side in "LR":
        doll.egg("head", "ear", at[f"{side}Ear"], np.array([0.012, 0.022, 0.032]))
        eye = at[f"{side}Eye"]
        doll.egg("head", "eye", eye + np.array([0, 0.004, 0]), np.array([0.016, 0.012, 0.01]))
        doll.egg("head", "pupil", eye + np.array([0, -0.006, 0]), np.array([0.007, 0.005, 0.007]), rings=5)
        doll.egg("head", "brow", eye + np.array([0, 0.003, 0.021]), np.array([0.022, 0.009, 0.005]), rings=5)


def _arm(doll: Doll, at: Points, side: str, girth: float) -> None:
    shoulder, elbow, wrist = (at[side + name] for name in ("Shoulder", "Elbow", "Wrist"))
    upper = tuple(girth * r for r in (0.062, 0.056, 0.05, 0.043))
    lower = tuple(girth * r for r in (0.043, 0.045, 0.038, 0.03))
    doll.limb(f"upper_arm{side}", "upper_arm", shoulder, elbow, upper)
    doll.limb(f"forearm{side}", "forearm", elbow, wrist, lower)
    ahead = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    doll.limb(f"hand{side}", "hand", wrist + ahead * 0.02, wrist + ahead * 0.14, (0.03, 0.042, 0.022))


def _leg(doll: Doll, at: Points, side: str, girth: float, sign: float) -> None:
    hip, knee, ankle = (at[side + name] for name in ("Hip", "Knee", "Ankle"))
    thigh = tuple(girth * r for r in (0.088, 0.085, 0.07, 0.058))
    shank = tuple(girth * r for r in (0.056, 0.057, 0.046, 0.037))
    doll.limb(f"thigh{side}", "thigh", hip, knee, thigh)
    doll.limb(f"shank{side}", "shank", knee, ankle, shank)
    heel, toes = at[f"{side}Heel"], (at[f"{side}BigToe"] + at[f"{side}SmallToe"]) / 2
    lift = np.array([0.004 * sign, 0, 0.022])
    doll.limb(f"foot{side}", "foot", heel + lift, toes + lift * [1, 1, 0.7], (0.036, 0.04, 0.042, 0.03))


def _regions(doll: Doll, rest: Float[np.ndarray, "v 3"]) -> dict[str, Float[np.ndarray, " v"]]:
    """As :class:`Body` describes them, by the pieces the doll is made of."""
    feature, along = np.array(doll.feature), np.array(doll.along)
    marks = feature == MARK
    drawn = rest[~marks]
    low, high = drawn[:, 2].min() + measure.ANKLE_HEIGHT_M, rest[feature == "neck", 2].min()
    head = rest[feature == "skull"]
    back = (feature == "skull") & (rest[:, 2] > head[:, 2].mean() + 0.01)
    back &= (rest[:, 1] > head[:, 1].mean() - 0.04) | (rest[:, 2] > head[:, 2].max() - 0.055)
    limbs = {"arm": ("upper_arm", "forearm"), "leg": ("thigh", "shank")}
    found = {
        name: np.where(feature == upper, along / 2, np.where(feature == lower, 0.5 + along / 2, np.nan))
        for name, (upper, lower) in limbs.items()
    }
    found |= {name: feature == name for name in ("torso", "hand", "foot", "brow", "pupil")}
    found |= {"sclera": np.isin(feature, ("eye", "pupil")), "iris": feature == "pupil", "lips": feature == "mouth"}
    found |= {"scalp": back, "height": (rest[:, 2] - low) / (high - low)}
    found |= {name: np.zeros(len(rest)) for name in ("beard", "nostril", "cheek", "mask", "glass", "rim")}
    return {name: np.asarray(values, np.float32) for name, values in found.items()}
