"""Draws docs/images/demo.png; needs matplotlib, which nothing else here does.

pip install matplotlib && python docs/draw_demo.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from mocap3d.pipeline import Reconstruction, reconstruct
from mocap3d.synthesis.scene import Scene, SceneOptions, make_scene
from mocap3d.synthetic_session import synthesise

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "images" / "demo.png"
VIEW, JOINT, INSTANT = "cam02", "RWrist", 100
LEFT, RIGHT, MIDDLE, SEEN, TRUE = "#e07b00", "#1a9641", "#555555", "#c51b8a", "black"


def draw_view(ax: plt.Axes, reconstruction: Reconstruction) -> None:
    """What one detector saw over seven frames, and the reprojected skeleton."""
    tracks, points = reconstruction.tracks, reconstruction.points
    camera, number = reconstruction.rig.cameras[VIEW], tracks.views.index(VIEW)
    seen_px = tracks.uv_px[number, INSTANT - 3 : INSTANT + 4, 0, :, 0].reshape(-1, 2).numpy()
    ax.plot(*seen_px.T, ".", color=SEEN, ms=4, alpha=0.4, mew=0)
    uv_px = camera.project(points.p_in_world[INSTANT, 0]).numpy()
    for a, b in points.skeleton.limbs:
        ax.plot(*uv_px[[a, b]].T, color=colour(points.skeleton.keypoints[b]), lw=2)
    low, high = np.nanmin(uv_px, 0) - 40, np.nanmax(uv_px, 0) + 40
    ax.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), aspect="equal", xticks=[], yticks=[])
    ax.set_title(f"{VIEW}: 2D keypoints of 7 frames,\nand the reprojected skeleton", fontsize=10)


def draw_world(ax: plt.Axes, reconstruction: Reconstruction) -> None:
    """Stick figures along the way, and the cameras."""
    points = reconstruction.points
    for instant in range(0, len(points.t_s), 30):
        p_in_world = points.p_in_world[instant, 0].numpy()
        for a, b in points.skeleton.limbs:
            ax.plot(*p_in_world[[a, b]].T, color=colour(points.skeleton.keypoints[b]), lw=1)
    centres = np.stack([camera.centre_in_world.numpy() for camera in reconstruction.rig.cameras.values()])
    ax.scatter(*centres.T, color="black", marker="s", s=16)
    for name, centre in zip(reconstruction.rig.cameras, centres, strict=True):
        ax.text(*(centre + np.array([0, 0, 0.15])), name, fontsize=7, ha="center")
    ax.set(xlim=(-3.5, 3.5), ylim=(-3, 3), zlim=(0, 2.1), xlabel="x (m)", ylabel="y (m)", zticks=(0, 1, 2))
    ax.set_box_aspect((7.0, 6.0, 2.1), zoom=1.35)
    ax.view_init(elev=28, azim=-70)
    ax.tick_params(labelsize=7)
    ax.set_title("the walker every half second, and the cameras", fontsize=10)


def draw_joint(ax: plt.Axes, reconstruction: Reconstruction, scene: Scene) -> None:
    """One joint's height: each instant on its own, the whole sequence with two sigmas, and the truth."""
    points, alone = reconstruction.points, reconstruction.triangulated
    joint = points.skeleton.index(JOINT)
    t_s, z_m = points.t_s.numpy(), points.p_in_world[:, 0, joint, 2].numpy()
    sigma_m = points.cov_m2[:, 0, joint, 2, 2].sqrt().numpy()
    ax.plot(t_s, alone.p_in_world[:, 0, joint, 2], ".", color=SEEN, ms=3, label="each instant on its own")
    ax.fill_between(t_s, z_m - 2 * sigma_m, z_m + 2 * sigma_m, color=RIGHT, alpha=0.3, lw=0, label="two sigmas")
    ax.plot(t_s, z_m, color=RIGHT, label="whole sequence")
    ax.plot(t_s, scene.p_in_world[:, 0, joint, 2], "--", color=TRUE, lw=1, label="truth")
    ax.set(ylim=(np.nanmin(z_m) - 0.05, np.nanmax(z_m) + 0.08), xlabel="time (s)", ylabel="height (m)")
    ax.legend(fontsize=8, frameon=False, ncols=2, loc="upper center")
    ax.set_title(f"{JOINT}: height, with its stated doubt\n", fontsize=10)


def colour(keypoint: str) -> str:
    """By side."""
    return {"L": LEFT, "R": RIGHT}.get(keypoint[0], MIDDLE) if keypoint[1].isupper() else MIDDLE


def main() -> None:
    """One scene, one reconstruction, three pictures."""
    scene = make_scene(SceneOptions(rig=ROOT / "rigs" / "lab4.toml", duration_s=4.0))
    with TemporaryDirectory() as folder:
        synthesise(scene, Path(folder) / "session")
        reconstruction = reconstruct(Path(folder) / "session")
    figure = plt.figure(figsize=(12, 4), layout="constrained")
    columns = figure.add_gridspec(1, 3, width_ratios=(0.8, 1.5, 1.2))
    draw_view(figure.add_subplot(columns[0]), reconstruction)
    draw_world(figure.add_subplot(columns[1], projection="3d"), reconstruction)
    draw_joint(figure.add_subplot(columns[2]), reconstruction, scene)
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT, dpi=110)


if __name__ == "__main__":
    main()
