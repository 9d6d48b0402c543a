"""SLEAP's analysis HDF5, as SLEAP and as sleap-io lay it out."""

import json

import h5py
import numpy as np
import pytest

from mocap3d.detection.foreign import read_keypoints
from mocap3d.errors import DetectionError
from mocap3d.session.records import KeypointSource
from mocap3d.skeletons.skeleton import load_skeleton

NODES = load_skeleton("coco17").keypoints


def scene(frames=5, tracks=2):
    """Points (frame, track, node, xy) and scores; track 1 is absent from frame 3."""
    rng = np.random.default_rng(0)
    points = rng.random((frames, tracks, 17, 2)) * 1000
    points[3, 1] = np.nan
    return points, rng.random((frames, tracks, 17)) * 0.9 + 0.1


def write(path, points, score=None, nodes=NODES, *, standard=False, dims=False):
    with h5py.File(path, "w") as h5:
        h5["node_names"] = [node.encode() for node in nodes]
        h5["tracks"] = points if standard else points.transpose(1, 3, 2, 0)
        if score is not None:
            h5["point_scores"] = score if standard else score.transpose(1, 2, 0)
        if dims or standard:  # sleap-io; SLEAP itself states nothing
            axes = ["frame", "track", "node", "xy"] if standard else ["track", "xy", "node", "frame"]
            h5["tracks"].attrs["dims"] = json.dumps(axes)
            if score is not None:
                h5["point_scores"].attrs["dims"] = json.dumps([axis for axis in axes if axis != "xy"])
    return path


def read(path, skeleton=None):
    return read_keypoints(KeypointSource(path, "sleap"), "cam1", skeleton=skeleton)


@pytest.mark.parametrize("options", [{}, {"standard": True}, {"dims": True}])
def test_tracks_and_scores(tmp_path, options):
    points, score = scene()
    found = read(write(tmp_path / "a.analysis.h5", points, score, **options))
    rows = [(f, t) for f in range(5) for t in range(2) if (f, t) != (3, 1)]
    assert list(zip(found.frame.tolist(), found.person.tolist(), strict=True)) == rows
    assert (found.keypoint_set, found.n_frames) == ("coco17", 5)
    assert np.array_equal(found.uv_px[:, :, 0].numpy(), np.stack([points[row] for row in rows]))
    assert np.allclose(found.log_weight[..., 0].exp().numpy(), np.stack([score[row] for row in rows]), atol=1e-15)


def test_points_without_scores_count_fully(tmp_path):
    points, score = scene()
    assert (read(write(tmp_path / "a.h5", points)).log_weight == 0).all()
    score[0, 0, 5] = np.nan
    assert read(write(tmp_path / "b.h5", points, score)).log_weight[0, 5, 0] == 0


def test_other_nodes_need_a_skeleton(tmp_path):
    points, score = scene()
    path = write(tmp_path / "a.h5", points[:, :, :2], score[:, :, :2], ["RWrist", "snout"])
    with pytest.raises(DetectionError, match="RWrist, snout"):
        read(path)
    found = read(path, "coco17")
    assert np.array_equal(found.uv_px[0, NODES.index("RWrist"), 0].numpy(), points[0, 0, 0])


def test_broken_files_are_named(tmp_path):
    points, score = scene()
    with pytest.raises(DetectionError, match=r"cam1\.h5 is no SLEAP analysis file.*Export"):
        read(write(tmp_path / "cam1.h5", points[..., :16, :], score))
    (tmp_path / "cam2.h5").write_bytes(b"")
    with pytest.raises(DetectionError, match=r"cam2\.h5"):
        read(tmp_path / "cam2.h5")
