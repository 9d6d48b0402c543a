"""Protocols A and B against a plain reimplementation of their rules, frame by frame and joint by joint."""

import time

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.evaluation.threedpw.predictions import Prediction
from mocap3d.evaluation.threedpw.protocol_a import PARTS, PCK_JOINTS, Pairs, posepile_auc, score_challenge
from mocap3d.evaluation.threedpw.protocol_b import LspPrediction, score_lsp
from mocap3d.evaluation.threedpw.read import read_sequence
from mocap3d.evaluation.threedpw.scoring import ProtocolOptions, score_tracks
from mocap3d.evaluation.threedpw.truth import Truth, truth_of
from tests.threedpw import sequence_file, small_content

RNG = np.random.default_rng(8)
TIGHT = 1e-9


def random_pairs(n: int = 25, seed: int = 0) -> Pairs:
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 0.4, (n, 24, 3))
    found = true + rng.normal(0, 0.04, true.shape)
    parts = Rotation.random(9 * n, rng=np.random.default_rng(seed))
    near = parts * Rotation.from_rotvec(rng.normal(0, 0.2, (9 * n, 3)))
    turns = [torch.from_numpy(r.as_matrix().reshape(n, 9, 3, 3)) for r in (near, parts)]
    return Pairs(torch.from_numpy(found), torch.from_numpy(true), *turns)


def challenge_by_loops(pair: Pairs) -> dict[str, float]:
    """The rules of the challenge as its page states them, with scipy and no batches."""
    sums: dict[str, list[float]] = {name: [] for name in ("mpjpe", "pa", "pck", "mpjae", "mpjae_pa")}
    curves = []
    assert pair.predicted_parts is not None
    frames = zip(pair.predicted_m.numpy(), pair.true_m.numpy(), pair.predicted_parts, pair.true_parts, strict=True)
    for p, q, pr, qr in frames:
        off = [1000 * np.linalg.norm((p[j] - p[0]) - (q[j] - q[0])) for j in range(24)]
        sums["mpjpe"].append(float(np.mean(off)))
        chosen = [off[j] for j in PCK_JOINTS]
        sums["pck"].append(100 * float(np.mean([d <= 50 for d in chosen])))
        curves.append([[d <= t for d in chosen] for t in range(200)])
        if np.allclose(p, p[0]):
            placed, turn = np.repeat(q.mean(0)[None], 24, 0), np.eye(3)
        else:
            a, b = p - p.mean(0), q - q.mean(0)
            rotation = Rotation.align_vectors(b, a)[0]  # Kabsch of another library
            turn = rotation.as_matrix()
            placed = (a @ turn.T * b).sum() / (a * a).sum() * a @ turn.T + q.mean(0)
        sums["pa"].append(1000 * float(np.linalg.norm(placed - q, axis=1).mean()))
        for name, first in (("mpjae", np.eye(3)), ("mpjae_pa", turn)):
            angles = [
                (Rotation.from_matrix(y).inv() * Rotation.from_matrix(first @ x.numpy())).magnitude()
                for x, y in zip(pr, qr, strict=True)
            ]
            sums[name].append(float(np.degrees(np.mean(angles))))
    pck = np.mean(curves, axis=(0, 2))
    auc = sum((pck[i] + pck[i + 1]) / 2 / 199 for i in range(199))
    return {name: float(np.mean(values)) for name, values in sums.items()} | {"auc": float(auc)}


@pytest.mark.parametrize("empty", [False, True])
def test_protocol_a_is_its_rules(empty):
    """With ``empty``, three frames have no prediction: the challenge has zeros there."""
    pair = random_pairs()
    zeros = pair
    if empty:
        pair.predicted_m[4:7] = torch.nan
        zeros = Pairs(pair.predicted_m.nan_to_num(0.0), pair.true_m, pair.predicted_parts, pair.true_parts)
    score, rules = score_challenge([pair]), challenge_by_loops(zeros)
    assert float(score.mpjpe_mm.mean()) == pytest.approx(rules["mpjpe"], abs=TIGHT)
    assert float(score.pa_mpjpe_mm.mean()) == pytest.approx(rules["pa"], abs=TIGHT)
    assert float(score.pck50.mean()) == pytest.approx(rules["pck"], abs=TIGHT)
    assert score.auc == pytest.approx(rules["auc"], abs=TIGHT)
    assert score.mpjae_deg is not None
    assert score.mpjae_pa_deg is not None
    assert float(score.mpjae_deg.mean()) == pytest.approx(rules["mpjae"], abs=1e-8)
    assert float(score.mpjae_pa_deg.mean()) == pytest.approx(rules["mpjae_pa"], abs=1e-8)


def test_a_mirrored_body_is_not_forgiven():
    pair = random_pairs()
    mirrored = Pairs(pair.true_m * torch.tensor([-1.0, 1.0, 1.0]), pair.true_m, None, pair.true_parts)
    score = score_challenge([mirrored])
    assert float(score.pa_mpjpe_mm.mean()) == pytest.approx(
        challenge_by_loops(Pairs(mirrored.predicted_m, pair.true_m, pair.true_parts, pair.true_parts))["pa"], abs=TIGHT
    )
    assert float(score.pa_mpjpe_mm.min()) > 50
    assert score.mpjae_deg is None


def test_tracks_are_strung_together():
    a, b = random_pairs(10, 1), random_pairs(30, 2)
    both = score_challenge([a, b])
    alone = [float(score_challenge([x]).mpjpe_mm.mean()) for x in (a, b)]
    assert float(both.mpjpe_mm.mean()) == pytest.approx((10 * alone[0] + 30 * alone[1]) / 40, abs=TIGHT)


def test_posepiles_area_is_another():
    d = torch.from_numpy(RNG.uniform(0, 250, (50, 12)))
    loop = np.mean([max(0.0, 1 - (np.floor(x / 199 * 50) + 0.5) / 50) for x in d.flatten().tolist()])
    assert posepile_auc(d) == pytest.approx(loop, abs=TIGHT)


@pytest.mark.parametrize("root", ["pelvis", "hips"])
def test_protocol_b_is_its_rules(root):
    p, q = (RNG.normal(0, 0.4, (30, 14, 3)) for _ in range(2))
    pelvis = [RNG.normal(0, 0.1, (30, 3)) for _ in range(2)]
    counts = RNG.random(30) > 0.2
    truth = Truth(torch.zeros(30, 24, 3).double(), torch.from_numpy(q), torch.from_numpy(pelvis[1]), None, "smpl")
    predicted = LspPrediction(torch.from_numpy(p), torch.from_numpy(pelvis[0]))
    score = score_lsp(predicted, truth, torch.from_numpy(counts), root=root, rate_hz=30.0)
    rooted = [x - (x[:, 2:4].mean(1) if root == "hips" else r)[:, None] for x, r in ((p, pelvis[0]), (q, pelvis[1]))]
    mpjpe = [1000 * np.linalg.norm(rooted[0][n] - rooted[1][n], axis=1).mean() for n in range(30) if counts[n]]
    assert score.mpjpe_mm.numpy() == pytest.approx(mpjpe, abs=TIGHT)
    second = [x[:-2] - 2 * x[1:-1] + x[2:] for x in rooted]
    seen = counts[:-2] & counts[1:-1] & counts[2:]  # VIBE: an invisible frame kills itself and both neighbours
    acceleration = np.linalg.norm(second[0] - second[1], axis=2)[seen].mean(1)
    assert score.acceleration_mm_frame2.numpy() == pytest.approx(1000 * acceleration, abs=TIGHT)
    assert score.acceleration_m_s2.numpy() == pytest.approx(900 * acceleration[1:-1], abs=TIGHT)


def test_the_truth_scores_nothing_and_moves_with_the_camera(tmp_path):
    tracks = read_sequence(sequence_file(tmp_path, small_content()))
    truths = [truth_of(track) for track in tracks]
    exact = [
        Prediction(truth.joint_in_cam[None], track.cam_from_segment[None][:, :, PARTS])
        for track, truth in zip(tracks, truths, strict=True)
    ]
    table = score_tracks(tracks, exact)
    assert [table.value(name) for name in ("MPJPE", "PA-MPJPE", "MPJPE-14", "acceleration error")] == pytest.approx(
        [0] * 4, abs=1e-6
    )
    assert table.value("PCK@50mm") == 100
    assert table.value("MPJAE") == pytest.approx(0, abs=1e-6)
    moved = [Prediction(p.joint_in_cam + torch.tensor([1.0, 2.0, 3.0]), p.cam_from_part) for p in exact]
    assert score_tracks(tracks, moved).value("MPJPE") == pytest.approx(0, abs=1e-6)


def test_conventions_are_named(tmp_path):
    tracks = read_sequence(sequence_file(tmp_path, small_content()))
    exact = [Prediction(truth_of(track).joint_in_cam[None]) for track in tracks]
    table = score_tracks(tracks, exact, ProtocolOptions(frames="vibe", root="hips"))
    about = {score.name: score.about for score in table.scores}["MPJPE-14"]
    assert all(word in about for word in ("hips", "vibe", "smpl"))
    assert any("H36M regressor" in note for note in table.notes)
    assert "MPJAE" not in table.as_markdown()


def test_joints_alone_have_no_pelvis(tmp_path):
    """14 exact joints score nothing: their hips are laid upon the true hips, not upon the true pelvis."""
    tracks = read_sequence(sequence_file(tmp_path, small_content()))
    table = score_tracks(tracks, [Prediction(truth_of(track).lsp_in_cam[None]) for track in tracks])
    assert table.value("MPJPE-14") == pytest.approx(0, abs=1e-9)
    assert "root hips" in table.scores[0].about


def test_millimetres_are_refused_and_mirror_images_told_of(tmp_path):
    tracks = read_sequence(sequence_file(tmp_path, small_content()))
    exact = [truth_of(track).joint_in_cam[None] for track in tracks]
    with pytest.raises(FormatError, match="millimetres"):
        score_tracks(tracks, [Prediction(1000 * p) for p in exact])
    mirrored = score_tracks(tracks, [Prediction(p * torch.tensor([1.0, -1.0, 1.0])) for p in exact])
    assert any("mirrored" in note for note in mirrored.notes)
    noisy = [Prediction(p + torch.from_numpy(RNG.normal(0, 0.1, p.shape))) for p in exact]
    assert not any("mirrored" in note for note in score_tracks(tracks, noisy).notes)


def test_a_joint_that_is_missing_is_at_the_root():
    pair, without = random_pairs(), random_pairs()
    without.predicted_m[3, 7] = torch.nan
    pair.predicted_m[3, 7] = pair.predicted_m[3, 0]
    assert torch.equal(score_challenge([without]).mpjpe_mm, score_challenge([pair]).mpjpe_mm)


@pytest.mark.slow
def test_scoring_all_of_3dpw_takes_seconds():
    """35,000 frames of 24 joints, all of protocol A; measured 1.3 s on one core."""
    pair = random_pairs(35_000)
    start = time.perf_counter()
    score_challenge([pair])
    assert time.perf_counter() - start < 5
