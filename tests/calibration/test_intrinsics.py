"""Lenses from boards: the right model, the true parameters, and what the pictures do not tell."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mocap3d.calibration.intrinsics import LensOptions, calibrate_lens, given_lens, simplest
from mocap3d.calibration.lens_kinds import LensKind, kind_of, packed, unpacked
from mocap3d.errors import CalibrationError
from mocap3d.geometry import Camera, Lens, LensModel, Rigid
from mocap3d.geometry.rigid import rotation_from_rotvec
from mocap3d.session.records import CalibratedRig, TargetObservations
from mocap3d.synthesis.boards import BoardSceneOptions, board_points, shown, wand_points, with_model

SIZE_PX = (1280, 960)
BOARD = board_points(9, 6, 0.04)


def vector(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def pictures(
    model: LensModel, distortion: torch.Tensor, *, n: int = 25, f_px: float = 900.0, tilt: float = 0.5,
    depth_m: tuple[float, float] = (0.35, 0.8), points: torch.Tensor = BOARD, sigma_px: float = 0.1, seed: int = 0,
) -> TargetObservations:  # fmt: skip
    """A board held before one camera, all over its picture."""
    rng = np.random.default_rng((seed, 7))
    plain = Camera(Lens.pinhole(vector(f_px, f_px * 1.001), vector(651.0, 474.0)), Rigid.identity(), SIZE_PX)
    rig = CalibratedRig({"cam": with_model(plain, model, distortion)})
    depth = rng.uniform(*depth_m, n)
    across = rng.uniform(-0.45, 0.45, (n, 2)) * np.array(SIZE_PX) / f_px * depth[:, None]
    rotation = rotation_from_rotvec(torch.from_numpy(rng.normal(0, tilt, (n, 3)) * [1, 1, 0.5]))
    place = torch.from_numpy(np.c_[across, depth])
    poses = Rigid(rotation, place - (rotation @ points.mean(0)))
    options = BoardSceneOptions(sigma_px=sigma_px, max_tilt_deg=180.0, min_corners=20, seed=seed)
    return shown(rig, points, poses, options).observations


BROWN = vector(-0.25, 0.08, 0.001, -0.0007, 0.0)
FISHEYE = vector(0.05, -0.02, 0.01, -0.004)
RATIONAL = vector(0.6, 0.1, 0.0005, -0.0003, 0.01, 0.9, 0.3, 0.02)


@pytest.mark.parametrize(
    ("model", "distortion", "f_px", "kinds"),
    [
        (LensModel.PINHOLE, vector(), 900.0, {LensKind.PINHOLE}),
        (LensModel.BROWN, BROWN, 900.0, {LensKind.BROWN4, LensKind.BROWN5}),
        (LensModel.KANNALA_BRANDT, FISHEYE, 520.0, {LensKind.KANNALA_BRANDT}),
    ],
)
def test_the_model_and_its_parameters_are_found(model, distortion, f_px, kinds):
    """Focal length within 4 sigma, and the model of the truth."""
    depth_m = (0.15, 0.4) if model is LensModel.KANNALA_BRANDT else (0.35, 0.8)
    found = calibrate_lens(pictures(model, distortion, f_px=f_px, depth_m=depth_m, n=30), "cam")
    assert found.kind in kinds, found.verdict
    assert abs(float(found.lens.f_px[0]) - f_px) < 4 * found.sigma("fx") < 0.01 * f_px
    assert found.scores_px[found.kind] == pytest.approx(0.1 * np.sqrt(2), rel=0.1)
    assert found.kind in found.scores_px
    assert str(found.kind) in found.verdict


def test_a_wide_rational_lens_is_not_called_simple():
    """Its pixels, over the whole picture, are right to within 0.5 px whatever model was chosen."""
    observations = pictures(LensModel.BROWN, RATIONAL, f_px=600.0, depth_m=(0.2, 0.5), n=30)
    found = calibrate_lens(observations, "cam")
    true = Lens.brown(vector(600.0, 600.6), vector(651.0, 474.0), RATIONAL)
    grid = torch.stack(torch.meshgrid(torch.linspace(100, 1180, 10), torch.linspace(100, 860, 8), indexing="ij"), -1)
    off_px = found.lens.project(true.unproject(grid.double())) - grid
    assert off_px.norm(dim=-1).median() < 0.5


def test_a_model_that_was_asked_for_is_used():
    observations = pictures(LensModel.BROWN, BROWN)
    for kind in (LensKind.PINHOLE, LensKind.BROWN8, LensKind.KANNALA_BRANDT):
        found = calibrate_lens(observations, "cam", LensOptions(lens=kind))
        assert found.kind is kind
        assert list(found.tried) == [kind]
        assert found.lens.model is kind.model


def test_what_frontal_boards_do_not_tell_is_held_and_named():
    """All boards parallel to the picture: their distance and the focal length cannot be told apart."""
    found = calibrate_lens(pictures(LensModel.BROWN, BROWN, tilt=0.0), "cam", LensOptions(lens=LensKind.BROWN5))
    assert {"fx", "fy"} <= set(found.held)
    assert "tilt the target" in found.verdict
    tilted = calibrate_lens(pictures(LensModel.BROWN, BROWN), "cam", LensOptions(lens=LensKind.BROWN5))
    assert not {"fx", "fy", "k1"} & set(tilted.held)


def test_a_wrongly_found_board_is_left_out():
    """One picture's corners in an impossible order: it is named, and the lens is as without it."""
    observations = pictures(LensModel.BROWN, BROWN, n=12)
    uv_px = observations.uv_px.clone()
    board = uv_px[0, 5].reshape(6, 9, 2)
    uv_px[0, 5] = torch.cat([board[:, :4].flip(0), board[:, 4:]], 1).reshape(54, 2)
    options = LensOptions(lens=LensKind.BROWN5)
    found = calibrate_lens(replace(observations, uv_px=uv_px), "cam", options)
    assert found.n_left_out == 1
    assert abs(float(found.lens.f_px[0]) - 900) < 4 * found.sigma("fx")


def test_a_scaled_recording_of_the_same_view_counts():
    """Half of the pictures at half the size: one lens, in the larger pixels."""
    large = pictures(LensModel.BROWN, BROWN, n=12)
    uv_px = (pictures(LensModel.BROWN, BROWN, n=12, seed=1).uv_px + 0.5) / 2 - 0.5
    small = replace(large, name="small", uv_px=uv_px, size_px={"cam": (640, 480)},
                    sigma_px=torch.where(uv_px.isfinite().all(-1), 0.05, torch.nan).double())  # fmt: skip
    found = calibrate_lens([small, large], "cam", LensOptions(lens=LensKind.BROWN5))
    assert found.size_px == SIZE_PX
    assert abs(float(found.lens.f_px[0]) - 900) < 4 * found.sigma("fx")
    odd = replace(small, size_px={"cam": (640, 360)})
    with pytest.raises(CalibrationError, match="640x360 for 'small' and at 1280x960"):
        calibrate_lens([odd, large], "cam")


def test_nothing_and_too_little_are_refused():
    observations = pictures(LensModel.BROWN, BROWN, n=5)
    nothing = replace(observations, uv_px=torch.full_like(observations.uv_px, torch.nan))
    with pytest.raises(CalibrationError, match="no corner of 'board'"):
        calibrate_lens(nothing, "cam")
    three = observations.uv_px[:, :, :3], observations.sigma_px[:, :, :3]
    wand = replace(observations, p_in_target=wand_points(0.0, 0.1, 0.3), uv_px=three[0], sigma_px=three[1])
    with pytest.raises(CalibrationError, match="a wand alone does not tell a lens"):
        calibrate_lens(wand, "cam")


def test_one_picture_gives_a_lens_held_by_its_prior():
    found = calibrate_lens(pictures(LensModel.BROWN, BROWN, n=1, tilt=0.0), "cam", LensOptions(lens=LensKind.BROWN5))
    assert "fx" in found.held
    assert np.isnan(found.scores_px[found.kind])


def test_the_simplest_model_that_is_as_good_is_taken():
    """Costs of five pictures; the difference and its standard error by hand."""
    good, same, worse = np.full(5, 1.0), np.array([1.1, 0.9, 1.1, 0.9, 1.0]), np.array([1.5, 1.6, 1.4, 1.5, 1.5])
    assert simplest({LensKind.PINHOLE: worse, LensKind.BROWN4: same, LensKind.BROWN5: good}) is LensKind.BROWN4
    assert simplest({LensKind.PINHOLE: worse, LensKind.BROWN5: good}) is LensKind.BROWN5
    # A prism needs more than being a little better.
    assert simplest({LensKind.BROWN5: same, LensKind.BROWN12: good - 0.01}) is LensKind.BROWN5
    assert simplest({LensKind.BROWN5: worse, LensKind.BROWN12: good}) is LensKind.BROWN12
    # A lens that folds in sight of a corner is no candidate, however simple.
    assert simplest({LensKind.PINHOLE: np.full(5, np.inf), LensKind.BROWN5: worse}) is LensKind.BROWN5


@pytest.mark.parametrize("kind", list(LensKind))
def test_packing_there_and_back(kind):
    row = np.zeros(18)
    row[: 4 + kind.n_coefficients] = np.linspace(0.01, 0.2, 4 + kind.n_coefficients)
    lens = unpacked(kind, row)
    assert np.array_equal(packed(lens), row)
    assert len(kind.names) == 4 + kind.n_coefficients
    assert kind_of(lens).n_coefficients >= kind.n_coefficients


def test_a_given_lens_is_believed():
    lens = Lens.brown(vector(900, 901), vector(640, 480), vector(-0.2, 0.1, 0, 0))
    given = given_lens("cam", lens, SIZE_PX)
    assert given.kind is LensKind.BROWN5
    assert not given.tried
