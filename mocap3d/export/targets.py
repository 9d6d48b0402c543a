"""What other programs expect of a file: which way is up, the unit of length, and how bones are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from mocap3d.errors import FormatError
from mocap3d.export.axes import BLENDER_Y_UP, OPENSIM, WORLD, Axes
from mocap3d.session.views import did_you_mean

TargetName = Literal["opensim", "visual3d", "blender", "unreal", "maya"]
TARGETS: tuple[TargetName, ...] = get_args(TargetName)


@dataclass(frozen=True, slots=True)
class Target:
    """Axes, unit and names; rates are exact for every target, as none of them needs another one."""

    name: str
    axes: Axes
    """Of files that do not fix their own (C3D is always Z up, glTF always Y up in metres)."""
    units_per_m: float
    bones: Mapping[str, str] = field(default_factory=dict)
    """Its names for our joints, written for the right side: ``_r`` and {side}; missing ones keep ours."""
    sides: Mapping[str, str] = field(default_factory=dict)

    def bone(self, joint: str) -> str:
        """What the target calls a joint."""
        side = joint[-1] if joint.endswith(("_r", "_l")) else ""
        general = f"{joint[:-2]}_r" if side else joint
        return self.bones.get(general, joint).replace("{side}", self.sides.get(side, ""))


_MAYA = {
    "pelvis": "Hips", "lumbar": "Spine", "thorax": "Spine1", "neck": "Neck", "head": "Head",
    "clavicle_r": "{side}Shoulder", "shoulder_r": "{side}Arm", "elbow_r": "{side}ForeArm", "wrist_r": "{side}Hand",
    "hip_r": "{side}UpLeg", "knee_r": "{side}Leg", "ankle_r": "{side}Foot", "mtp_r": "{side}ToeBase",
}  # fmt: skip
_UNREAL = {
    "pelvis": "pelvis", "lumbar": "spine_01", "thorax": "spine_02", "neck": "neck_01", "head": "head",
    "clavicle_r": "clavicle_{side}", "shoulder_r": "upperarm_{side}", "elbow_r": "lowerarm_{side}",
    "wrist_r": "hand_{side}", "hip_r": "thigh_{side}", "knee_r": "calf_{side}", "ankle_r": "foot_{side}",
    "mtp_r": "ball_{side}",
}  # fmt: skip
_WORDS = {"r": "Right", "l": "Left"}
_DOTS = {"r": ".R", "l": ".L"}
_BLENDER = {
    name: f"{bone}{{side}}" if name.endswith("_r") else bone
    for name, bone in {
        "pelvis": "hips", "lumbar": "spine", "thorax": "chest", "neck": "neck", "head": "head",
        "clavicle_r": "shoulder", "shoulder_r": "upper_arm", "elbow_r": "forearm", "wrist_r": "hand", "hip_r": "thigh",
        "knee_r": "shin", "ankle_r": "foot", "mtp_r": "toe",
    }.items()
}  # fmt: skip

GENERAL = Target("any", BLENDER_Y_UP, 100.0)
"""Without a target: our names, Y up, centimetres, which is what most programs take a BVH for."""
_BY_NAME: Mapping[str, Target] = {
    "opensim": Target("opensim", OPENSIM, 1.0),
    "visual3d": Target("visual3d", WORLD, 1000.0),
    "blender": Target("blender", BLENDER_Y_UP, 1.0, _BLENDER, _DOTS),
    "unreal": Target("unreal", BLENDER_Y_UP, 100.0, _UNREAL, {"r": "r", "l": "l"}),
    "maya": Target("maya", BLENDER_Y_UP, 100.0, _MAYA, _WORDS),
}


def target_of(name: str | None) -> Target:
    """The target of that name, the general one without a name; refuses an unknown one."""
    if name is None:
        return GENERAL
    if name not in _BY_NAME:
        raise FormatError(f"there is no target '{name}'.{did_you_mean(name, tuple(_BY_NAME))}")
    return _BY_NAME[name]
