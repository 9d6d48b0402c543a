"""The skeleton fit against truth: recorded people's motion through our skeleton, before noisy cameras; and its speed.

    python benchmarks/skeleton_fit.py accuracy FOLDER_OF_CLIPS [--cameras 8] [--noise-px 3] [--skeleton halpe26]
    python benchmarks/skeleton_fit.py speed

Cameras, 15 % missing and 5 % outliers are those of ``synthesis.workload``. Every degree of freedom is listed with what
the fit says about it, those that no keypoint of the set shows too. An angle's error is listed whole, and without what
is the same over a clip: how a pelvis stands in its owner at ease is a constant that the keypoints do not tell.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from skeleton_truth import RATE, read_clips, truth_from

from mocap3d.biomech.angles import joint_angles
from mocap3d.fusion.fit import FitOptions, fit_sequence
from mocap3d.fusion.points import triangulate_tracks
from mocap3d.fusion.skeleton_fit.fit import SkeletonOptions, fit_skeleton
from mocap3d.session.records import JointAngles, Motion
from mocap3d.skeletons.body_table import load_body
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.synthesis.skeleton_motion import SkeletonTruth, moving_at_random, random_body
from mocap3d.synthesis.workload import Workload, WorkloadOptions, workload_of

FLEXIONS = ("hip_flexion", "knee_angle", "ankle_angle", "arm_flex", "elbow_flex", "trunk_extension")
LIMBS = tuple(f"{name}_{side}" for name in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist") for side in "rl")
"""Joint centres that every keypoint set shows; those of the trunk and the ends of hands and toes have no keypoint."""
FASTEST = 15.0
"""m/s: no joint of a person."""
CHI2_3 = 7.815
"""95 % of a chi-squared variable with three degrees of freedom."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    accuracy = commands.add_parser("accuracy")
    accuracy.add_argument("folder", type=Path)
    accuracy.add_argument("--cameras", type=int, default=8)
    accuracy.add_argument("--noise-px", type=float, default=3.0)
    accuracy.add_argument("--skeleton", default="halpe26")
    accuracy.add_argument("--frames", type=int, default=400)
    accuracy.add_argument("--clips", type=int, default=8)
    accuracy.add_argument("--out", type=Path)
    commands.add_parser("speed")
    options = parser.parse_args()
    if options.command == "speed":
        measure_speed()
    else:
        measure_accuracy(options)


def measure_accuracy(options: argparse.Namespace) -> None:
    """Every clip, then means over the clips."""
    skeleton = load_skeleton(options.skeleton)
    clips = read_clips(options.folder, options.frames)
    clips = [clips[i] for i in np.linspace(0, len(clips) - 1, min(options.clips, len(clips))).round().astype(int)]
    results = []
    for seed, clip in enumerate(clips):
        truth = truth_from(clip, skeleton, seed)
        fastest = float(truth.joint_in_world.diff(dim=0).norm(dim=-1).max()) * RATE
        if fastest > FASTEST:
            print(f"{clip.name}: left out, our tree follows it with a leap of {fastest:.0f} m/s", flush=True)
            continue
        noise = WorkloadOptions(len(clip.p), options.cameras, seed, noise_px=options.noise_px)
        motion, _ = fitted(workload_of(truth.p_in_world.numpy(), skeleton, noise))
        results.append(compared(motion, truth))
        print(clip.name, json.dumps({k: v for k, v in results[-1].items() if not isinstance(v, dict)}), flush=True)
    print(table(results))
    if options.out:
        options.out.write_text(json.dumps(results, indent=1), encoding="utf-8")


def fitted(workload: Workload, *, threads: int = 0) -> tuple[Motion, float]:
    """The skeleton's motion, and the CPU seconds of the skeleton fit."""
    tracks = workload.tracks()
    triangulated = triangulate_tracks(tracks, workload.rig)
    points = fit_sequence(tracks, workload.rig, triangulated, options=FitOptions(threads=threads))
    start = time.process_time()
    motion = fit_skeleton(points, tracks, workload.rig, options=SkeletonOptions(threads=threads))
    return motion, time.process_time() - start


def compared(motion: Motion, truth: SkeletonTruth) -> dict[str, object]:
    """Errors and coverages, per joint and per angle."""
    apart = (motion.joint_in_world[:, 0] - truth.joint_in_world).numpy()
    cov = motion.joint_cov_m2[:, 0].numpy() + 1e-14 * np.eye(3)
    inside = np.einsum("tji,tjik,tjk->tj", apart, np.linalg.inv(cov), apart) < CHI2_3
    names = truth.skeleton.tree.names
    found, true = joint_angles(motion), joint_angles(exactly(motion, truth))
    length_mm = 1e3 * (motion.skeletons[0].length_m - truth.skeleton.length_m).numpy()
    length_z = length_mm / (1e3 * motion.skeletons[0].length_sigma_m.numpy() + 1e-9)
    error_mm = 1e3 * np.linalg.norm(apart, axis=-1)
    return {
        "mpjpe_mm": round(float(np.nanmean(error_mm)), 3),
        "limbs_mm": round(float(np.nanmean(error_mm[:, [names.index(name) for name in LIMBS]])), 3),
        "joints": {
            n: (float(np.nanmean(error_mm[:, j])), float(inside[np.isfinite(error_mm[:, j]), j].mean()))
            for j, n in enumerate(names)
        },
        "angles": _angles(found, true),
        "lengths_mm": {n: (float(length_mm[j]), float(length_z[j])) for j, n in enumerate(names) if j},
    }


def exactly(motion: Motion, truth: SkeletonTruth) -> Motion:
    """The truth as a motion, so that its angles are told in the same way."""
    return replace(
        motion,
        root_in_world=truth.root_in_world[:, None],
        parent_from_joint=truth.parent_from_joint[:, None],
        joint_in_world=truth.joint_in_world[:, None],
    )


def _angles(found: JointAngles, true: JointAngles) -> dict[str, tuple[float, float, float, float, str]]:
    """RMSE, the same about the clip's mean, stated sigma (deg), coverage, and what is said of each angle."""
    apart = (found.angle_rad - true.angle_rad)[:, 0].numpy()
    apart = (apart + np.pi) % (2 * np.pi) - np.pi
    sigma = found.sigma_rad[:, 0].numpy()
    return {
        name: (
            float(np.degrees(np.sqrt(np.nanmean(apart[:, a] ** 2)))),
            float(np.degrees(np.nanstd(apart[:, a]))),
            float(np.degrees(np.sqrt(np.nanmean(sigma[:, a] ** 2)))),
            float((np.abs(apart[:, a]) < 1.96 * sigma[:, a]).mean()),
            found.observable[0][a],
        )
        for a, name in enumerate(found.names)
    }


def table(results: list[dict]) -> str:
    """Means over the clips, joint by joint and angle by angle."""
    limbs = np.mean([r["limbs_mm"] for r in results])
    lines = [
        f"twelve limb joints {limbs:.2f} mm, all joints {np.mean([r['mpjpe_mm'] for r in results]):.2f} mm, "
        f"{len(results)} clips",
        "",
        "joint: mm, 95 % holds",
    ]
    for name in results[0]["joints"]:
        rows = np.array([r["joints"][name] for r in results]).mean(0)
        lengths = np.array([r["lengths_mm"].get(name, (0.0, 0.0)) for r in results])
        size, far = np.abs(lengths[:, 0]).mean(), np.sqrt((lengths[:, 1] ** 2).mean())
        lines.append(f"  {name:14s} {rows[0]:6.2f} {rows[1]:5.2f}   length off by {size:5.2f} mm, {far:4.2f} sigmas")
    lines.append("angle: RMSE deg, of it varying within a clip, stated deg, 95 % holds, said to be")
    for name in results[0]["angles"]:
        rows = [r["angles"][name] for r in results]
        rmse, varying, stated = np.sqrt(np.mean([np.square(row[:3]) for row in rows], axis=0))
        measured = sum(row[4] == "measured" for row in rows)
        lines.append(
            f"  {name:24s} {rmse:6.2f} {varying:6.2f} {stated:6.2f} {np.mean([row[3] for row in rows]):5.2f}"
            f"  measured in {measured}/{len(rows)}"
        )
    return "\n".join(lines)


def measure_speed() -> None:
    """CPU seconds for 6,000 and 60,000 instants of one person, one thread."""
    tree, skeleton, seconds = load_body(), load_skeleton("halpe26"), {}
    body = random_body(tree, skeleton, 1.75, seed=1)
    for n_frames in (600, 6_000, 60_000):
        truth = moving_at_random(body, skeleton, n_frames, seed=1)
        workload = workload_of(truth.p_in_world.numpy(), skeleton, WorkloadOptions(n_frames))
        _, seconds[n_frames] = fitted(workload, threads=1)
        print(n_frames, f"{seconds[n_frames]:.1f} s of CPU", flush=True)
    print(f"60,000 / 6,000: {seconds[60_000] / seconds[6_000]:.1f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
