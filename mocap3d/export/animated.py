"""One person's fitted skeleton as BVH or GLB, as options and a target ask for it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mocap3d.export.animation import bridged, resampled
from mocap3d.export.bvh import write_bvh
from mocap3d.export.description import describe_units, rate_words
from mocap3d.export.gltf import write_glb
from mocap3d.export.options import UNITS_PER_M, ExportOptions
from mocap3d.export.skeleton_motion import tree_motion
from mocap3d.export.targets import GENERAL, target_of
from mocap3d.session.motion_files.tree import TreeMotion
from mocap3d.session.records import Motion


def write_person_bvh(motion: Motion, person: str, path: Path, options: ExportOptions | None = None) -> None:
    """In a T-pose at rest; frames without a pose are bridged, as BVH has no place for them."""
    options = options or ExportOptions()
    target = target_of(options.target)
    if options.units is not None:
        target = replace(target, units_per_m=UNITS_PER_M[options.units])
    tree = _at_rate(tree_motion(motion, person, target), options)
    write_bvh(_with_rest_frame(bridged(tree)) if options.rest_frame else tree, path)


def write_person_glb(motion: Motion, person: str, path: Path, options: ExportOptions | None = None) -> None:
    """Y up and metres for every target, as glTF is; only frames that are known become keys."""
    options = options or ExportOptions()
    in_gltf = replace(target_of(options.target), axes=GENERAL.axes, units_per_m=1.0)
    tree = _at_rate(tree_motion(motion, person, in_gltf), options)
    write_glb(tree, path, {**describe_units(GENERAL.axes), "rate": rate_words(tree.rate), "person": person})


def _at_rate(tree: TreeMotion, options: ExportOptions) -> TreeMotion:
    if options.rate is None or options.rate == tree.rate or not len(tree.root):
        return tree
    n_frames = int((len(tree.root) - 1) / tree.rate * options.rate) + 1
    return replace(resampled(bridged(tree), np.arange(n_frames) / float(options.rate)), rate=options.rate)


def _with_rest_frame(tree: TreeMotion) -> TreeMotion:
    """One more frame at the start: the rest pose, where the person first is. Every frame must be known."""
    at_rest = np.tile(np.eye(3), (1, len(tree.tree.joints), 1, 1))
    return replace(
        tree,
        root=np.concatenate([tree.root[:1], tree.root]),
        parent_from_joint=np.concatenate([at_rest, tree.parent_from_joint]),
    )
