"""The benchmark's workload is the published one, and as bad as it says."""

import numpy as np
import pytest
import torch

from mocap3d.synthesis.workload import Workload, WorkloadOptions, make_workload

PUBLISHED = {
    "LWrist": [0.01141255155, -0.232411080197, 0.954494944158],
    "RKnee_px": [974.93515724, 749.93234159],
    "scores": 16.11597826,
    "outliers": 5136,
    "missing": 37968,
}


@pytest.fixture(scope="module")
def workload() -> Workload:
    return make_workload(WorkloadOptions(n_frames=600, seed=7))


def clean_px(workload: Workload) -> np.ndarray:
    truth = torch.from_numpy(workload.p_in_world)
    return torch.stack([camera.project(truth) for camera in workload.rig.cameras.values()]).numpy()


def test_it_is_the_published_workload(workload):
    """Numbers of the sketch behind the published table (seed 7); a difference is another benchmark."""
    index = workload.skeleton.index
    assert workload.p_in_world[299, index("LWrist")] == pytest.approx(PUBLISHED["LWrist"], abs=1e-9)
    assert workload.uv_px[2, 100, index("RKnee")] == pytest.approx(PUBLISHED["RKnee_px"], abs=1e-5)
    assert workload.score[5, 431].sum() == pytest.approx(PUBLISHED["scores"], abs=1e-5)
    assert int(workload.outlier.sum()) == PUBLISHED["outliers"]
    assert int(np.isnan(workload.uv_px).sum()) == PUBLISHED["missing"]


def test_noise_is_as_announced(workload):
    """Measured: rms 3.006 px per axis, 15.2 % missing, 4.9 % outliers, correlation of neighbours 0.40."""
    error_px = workload.uv_px - clean_px(workload)
    seen = np.isfinite(error_px[..., 0])
    good = seen & ~workload.outlier
    assert np.sqrt((error_px[good] ** 2).mean()) == pytest.approx(3.0, rel=0.02)
    assert 1 - seen.mean() == pytest.approx(0.15, abs=0.01)
    assert workload.outlier.sum() / seen.sum() == pytest.approx(0.05, abs=0.005)
    pairs = good[:, 1:] & good[:, :-1]
    now, then = error_px[:, 1:][pairs], error_px[:, :-1][pairs]
    assert (now * then).sum() / np.sqrt((now**2).sum() * (then**2).sum()) == pytest.approx(0.4, abs=0.03)


def test_outliers_are_gross_and_missing_points_score_nothing(workload):
    """Measured: outliers of 71 px and more, of mean score 0.32; points within 3 px score 0.81."""
    error_px = np.linalg.norm(workload.uv_px - clean_px(workload), axis=-1)
    assert error_px[workload.outlier].min() > 55
    assert (np.isnan(error_px) == (workload.score == 0)).all()
    assert workload.score[workload.outlier].mean() < 0.5 * workload.score[(error_px < 3) & ~workload.outlier].mean()


def test_limbs_keep_their_lengths(workload):
    p, limbs = workload.p_in_world, np.array(workload.skeleton.limbs)
    lengths = np.linalg.norm(p[:, limbs[:, 0]] - p[:, limbs[:, 1]], axis=-1)
    assert lengths.std(axis=0).max() < 1e-12


def test_a_longer_motion_begins_like_a_shorter_one():
    """Up to 90 frames from its end, as far as the smoothing of the heading reaches."""
    short, long = (make_workload(WorkloadOptions(n, 2, seed=3)) for n in (150, 240))
    assert np.abs(short.p_in_world[:50] - long.p_in_world[:50]).max() < 1e-12


def test_tracks_share_the_memory_of_the_workload(workload):
    tracks = workload.tracks()
    assert tracks.uv_px.data_ptr() == workload.uv_px.ctypes.data
    assert tracks.cov_px2.untyped_storage().nbytes() == 32
    assert tracks.uv_px.shape == (8, 600, 1, 26, 1, 2)
    assert torch.equal(tracks.log_weight.isinf(), tracks.uv_px.isnan().any(-1))
    assert tracks.t_s[-1] == pytest.approx(599 / 60)


@pytest.mark.parametrize("options", [WorkloadOptions(60, 3, outliers=0.0), WorkloadOptions(60, 16, fps=120.0)])
def test_variants(options):
    workload = make_workload(options)
    assert len(workload.rig.cameras) == options.n_cams
    assert workload.outlier.any() == (options.outliers > 0)
