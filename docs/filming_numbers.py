"""The numbers of docs/filming.md: how the expected error depends on number, angle, distance and height of cameras.

python docs/filming_numbers.py
"""

from collections.abc import Sequence
from math import cos, pi, radians, sin

from mocap3d.session.rig import CameraTable, RigTable, VolumeTable
from mocap3d.synthesis.planning.plan import PlanOptions, plan_rig

LAB, SMALL = VolumeTable((-1.5, -1.5, 0.0), (1.5, 1.5, 2.2)), VolumeTable((-1.0, -1.0, 0.0), (1.0, 1.0, 2.2))
OPTIONS = PlanOptions(step_m=1.0, turns=4, phases=1, suggest=False)


def camera(n: int, angle_rad: float, distance_m: float, height_m: float) -> CameraTable:
    """Full HD, 1050 px, looking at the middle of a person in the middle of the room."""
    place = (distance_m * cos(angle_rad), distance_m * sin(angle_rad), height_m)
    return CameraTable(f"cam{n}", place, (1920, 1080), look_at_m=(0.0, 0.0, 0.95), focal_px=1050.0)


def ring(n: int, *, distance_m: float = 4.0, heights_m: Sequence[float] = (1.2, 2.4)) -> RigTable:
    """Evenly round the middle, at the heights in turn."""
    angles = [2 * pi * i / n + 0.3 for i in range(n)]
    return RigTable(tuple(camera(i, a, distance_m, heights_m[i % len(heights_m)]) for i, a in enumerate(angles)), LAB)


def pair(angle_deg: float) -> RigTable:
    """Two cameras at 4 m, so far apart."""
    half = radians(angle_deg) / 2
    return RigTable(tuple(camera(i, a, 4.0, 1.6) for i, a in enumerate((-half, half))), SMALL)


def tell(what: str, rig: RigTable) -> None:
    """One line."""
    plan = plan_rig(rig, OPTIONS)
    print(f"{what:<28}{plan.error_mm:6.1f} mm{plan.seen:8.1%} seen by two or more")


if __name__ == "__main__":
    for n in (2, 3, 4, 6, 8, 12):
        tell(f"{n} cameras", ring(n))
    for angle_deg in (20, 40, 60, 90, 120, 150):
        tell(f"two, {angle_deg} degrees apart", pair(angle_deg))
    for distance_m in (3.0, 4.0, 6.0, 8.0):
        tell(f"six at {distance_m:g} m", ring(6, distance_m=distance_m))
    for heights_m in ((1.0,), (1.6,), (2.4,), (1.2, 2.4)):
        tell(f"six, {' and '.join(map(str, heights_m))} m high", ring(6, heights_m=heights_m))
