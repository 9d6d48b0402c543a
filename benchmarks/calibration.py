"""Calibration from the same corners by mocap3d, aniposelib and Caliscope, in one run: time and quality.

    python benchmarks/calibration.py [--real FOLDER] [--caliscope-python PATH] [--aniposelib-python PATH]

Every engine starts from the lenses that each view tells alone (``calibrate_lens``, five coefficients). Seconds are CPU
seconds of the calls on one thread. See README.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from calibration_peer import ENGINES
from real_boards import charuco_table

from mocap3d.calibration.bundle import BundleOptions, bundle_adjust
from mocap3d.calibration.corners import corners_of, rigid_of, rows_of
from mocap3d.calibration.extrinsics import first_poses
from mocap3d.calibration.intrinsics import LensEstimate, LensOptions, calibrate_lens
from mocap3d.calibration.lens_kinds import LensKind, packed
from mocap3d.geometry import Camera, Lens
from mocap3d.geometry.align import rigid_align
from mocap3d.geometry.rigid import Rigid
from mocap3d.geometry.triangulate import triangulate
from mocap3d.session.records import CalibratedRig, TargetObservations
from mocap3d.solve.bundle import Problem, State, Unknowns
from mocap3d.solve.targets import N_CAMERA
from mocap3d.synthesis.activity import lively_person
from mocap3d.synthesis.boards import BoardSceneOptions, board_points, make_board_scene, ordinary_rig

HERE = Path(__file__).parent
SESSIONS = {
    "post_optimization": "post_optimization/calibration/extrinsic/CHARUCO/xy_CHARUCO.csv",
    "4_cam_recording": "4_cam_recording/calibration/extrinsic/xy.csv",
}
OURS = "mocap3d"


def start_lenses(observations: TargetObservations) -> dict[str, LensEstimate]:
    """What each view alone tells of its lens: what every program starts from."""
    options = LensOptions(lens=LensKind.BROWN5)
    return {view: calibrate_lens([observations], view, options) for view in observations.views}


def of_instants(observations: TargetObservations, wanted: slice) -> TargetObservations:
    """Every other instant, say."""
    return replace(
        observations, t_s=observations.t_s[wanted], frame=observations.frame[:, wanted],
        uv_px=observations.uv_px[:, wanted], sigma_px=observations.sigma_px[:, wanted],
    )  # fmt: skip


def ours(observations: TargetObservations, lenses: dict[str, LensEstimate]) -> tuple[dict[str, Camera], float]:
    """Our cameras, and the CPU seconds from the start lenses on: first poses and adjustment."""
    began = time.process_time()
    result = bundle_adjust([observations], lenses, first_poses([observations], lenses), BundleOptions())
    return dict(result.rig.cameras), time.process_time() - began


def theirs(python: Path, engine: str, data: dict[str, np.ndarray], views: tuple[str, ...]) -> tuple[dict, float]:
    """A peer's cameras and CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        corners, out = Path(folder) / "corners.npz", Path(folder) / "cameras.npz"
        np.savez(corners, **data)
        done = subprocess.run(
            [python, HERE / "calibration_peer.py", corners, engine, out], capture_output=True, text=True, check=False,
            timeout=1800,
        )  # fmt: skip
        timing = [line for line in done.stdout.splitlines() if line.startswith("TIMING ")]
        if done.returncode or not timing:
            raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else "no result")
        found = dict(np.load(out))
    cameras = {}
    for v, view in enumerate(views):
        lens = Lens.from_matrix(torch.from_numpy(found["matrix"][v]), torch.from_numpy(found["distortion"][v]))
        pose = Rigid(torch.from_numpy(found["rotation"][v]), torch.from_numpy(found["translation"][v]))
        cameras[view] = Camera(lens, pose, tuple(data["size_px"][v].tolist()))
    return cameras, json.loads(timing[0].removeprefix("TIMING "))["cpu_s"]


def as_arrays(observations: TargetObservations, lenses: dict[str, LensEstimate]) -> dict[str, np.ndarray]:
    """Corners, start lenses and start poses for the peers."""
    poses = first_poses([observations], lenses).cam_from_world
    return {
        "uv_px": observations.uv_px.numpy(),
        "points": observations.p_in_target.numpy(),
        "size_px": np.array([observations.size_px[view] for view in observations.views]),
        "matrix": np.stack([lens.lens.matrix().numpy() for lens in lenses.values()]),
        "distortion": np.stack([lens.lens.distortion.numpy()[:5] for lens in lenses.values()]),
        "rotation": np.stack([poses[view].rotation.numpy() for view in observations.views]),
        "translation": np.stack([poses[view].translation.numpy() for view in observations.views]),
    }


def board_rms_px(observations: TargetObservations, cameras: dict[str, Camera]) -> tuple[float, float]:
    """RMS and median distance of corners, every board's pose being fitted and the cameras not: one judge for all."""
    lenses = {
        view: LensEstimate(view, camera.lens, LensKind.BROWN5, camera.size_px) for view, camera in cameras.items()
    }
    corners = corners_of([observations], list(cameras))
    n, kinds = len(cameras), [LensKind.BROWN5] * len(cameras)
    free, nothing = np.zeros((n, N_CAMERA), bool), np.zeros((n, 18, 18))
    held = Unknowns(free, nothing[0], nothing, np.zeros(corners.n_targets, bool))
    problem = Problem(corners.observed(kinds), held, 1e6)
    first = first_poses([observations], lenses)
    packed_lenses = np.stack([packed(lens.lens) for lens in lenses.values()])
    motions = [camera.cam_from_world for camera in cameras.values()]
    poses = np.concatenate([rows_of(Rigid(pose.rotation[None], pose.translation[None])) for pose in motions])
    view = next(iter(cameras))
    # First_poses has a world of its own: that of the first view.
    world_from_first = cameras[view].cam_from_world.inverse() @ first.cam_from_world[view]
    starts = rows_of(
        world_from_first @ rigid_of(np.stack([rows_of(first.world_from_target[0])[t] for t in corners.target_instant]))
    )
    state, cost = problem.with_poses_refined(State(packed_lenses, poses, starts))
    known = np.isfinite(cost)[corners.target_of]
    distance_px = np.linalg.norm(problem.residuals_px(state), axis=1)[known]
    return float(np.sqrt((distance_px**2).mean())), float(np.median(distance_px))


def downstream_mm(cameras: dict[str, Camera], truth: CalibratedRig) -> float:
    """RMS error of body points that the true cameras saw exactly, triangulated by these cameras, rigidly aligned."""
    person = lively_person(3600, seed=5)
    p_in_world = torch.from_numpy(np.stack(list(person.values()), 1)[::60, ::3].reshape(-1, 3))
    uv_px = []
    for camera in truth.cameras.values():
        uv = camera.project(p_in_world)
        uv_px.append(torch.where(camera.contains(uv)[:, None], uv, torch.nan))
    uv_px = torch.stack(uv_px)
    seen = uv_px.isfinite().all(-1)
    keep = seen.sum(0) >= 3
    sigma = torch.where(seen, 1.0, torch.nan).double()
    found, _ = triangulate(uv_px[:, keep], sigma[:, keep], [cameras[view] for view in truth.cameras])
    found = found.detach()
    aligned = rigid_align(found, p_in_world[keep]).apply(found)
    return 1000 * float((aligned - p_in_world[keep]).square().sum(-1).nanmean().sqrt().detach())


def measure(name: str, observations: TargetObservations, truth: CalibratedRig | None, pythons: dict[str, Path | None]):
    """One scene: every engine on the even instants, judged on the odd ones (and by the truth where there is one)."""
    print(f"\n{name}: {len(observations.views)} cameras, {len(observations.t_s)} instants", flush=True)
    print(f"{'':44s}{'CPU s':>9s}{'RMS px':>9s}{'median':>9s}{'body mm':>9s}", flush=True)
    lenses = start_lenses(observations)
    even, odd = of_instants(observations, slice(0, None, 2)), of_instants(observations, slice(1, None, 2))
    fitted = observations if truth is not None else even
    data, rows = as_arrays(fitted, lenses), {}
    ours(fitted, lenses)  # compiles
    for engine in (OURS, *ENGINES, OURS):
        python = None if engine == OURS else pythons[engine.split()[0].rstrip(",")]
        if engine != OURS and python is None:
            print(f"{engine:44s}   not installed", flush=True)
            continue
        try:
            cameras, cpu_s = (
                ours(fitted, lenses) if python is None else theirs(python, engine, data, observations.views)
            )
            rms_px, median_px = board_rms_px(odd, cameras)
        except (RuntimeError, subprocess.TimeoutExpired, ValueError, np.linalg.LinAlgError) as problem:
            print(f"{engine:44s}   failed: {problem}", flush=True)
            continue
        body = f"{downstream_mm(cameras, truth):9.2f}" if truth is not None else f"{'':>9s}"
        print(f"{engine:44s}{cpu_s:9.2f}{rms_px:9.3f}{median_px:9.3f}{body}", flush=True)
        rows[engine] = (cpu_s, rms_px)
    return rows


def main() -> None:
    """All scenes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, help="folder of Caliscope's sessions")
    parser.add_argument("--aniposelib-python", type=Path, default=HERE / ".peers/bin/python")
    parser.add_argument("--caliscope-python", type=Path, default=HERE / ".peers-caliscope/bin/python")
    parser.add_argument("--instants", type=int, default=200)
    given = parser.parse_args()
    pythons = {
        "aniposelib": given.aniposelib_python if given.aniposelib_python.exists() else None,
        "caliscope": given.caliscope_python if given.caliscope_python.exists() else None,
    }
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rig = ordinary_rig(8)
    scene = make_board_scene(rig, board_points(), BoardSceneOptions(n_instants=given.instants))
    measure("synthetic, 0.3 px (all instants fitted)", scene.observations, rig, pythons)
    if given.real is not None:
        for name, table in SESSIONS.items():
            observations = charuco_table(given.real / table, (1280, 720))
            measure(f"{name} (even fitted, odd judged)", observations, None, pythons)


if __name__ == "__main__":
    main()
