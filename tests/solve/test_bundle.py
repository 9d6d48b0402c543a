"""The bundle kernels: gradients against differences, the Schur complement against the full system, determinism."""

from dataclasses import replace

import board_scenes
import numpy as np
import pytest

from mocap3d.calibration.adjustment import adjust, unknowns_of
from mocap3d.calibration.corners import Corners, corners_of, rows_of
from mocap3d.calibration.lens_kinds import LensKind, packed
from mocap3d.solve import targets
from mocap3d.solve.bundle import EXACT, Problem, State
from mocap3d.solve.targets import N_CAMERA

KINDS = (LensKind.BROWN14, LensKind.BROWN5, LensKind.KANNALA_BRANDT)


@pytest.fixture
def problem() -> tuple[Problem, State]:
    """Three cameras of three lens kinds, eight boards, all somewhat off."""
    scene = board_scenes.board_scene(n_views=3, n_instants=8, max_tilt_deg=180.0)
    corners = corners_of([scene.observations])
    rng, cameras = np.random.default_rng(0), list(scene.rig.cameras.values())
    lenses = np.stack([packed(camera.lens) for camera in cameras])
    lenses[2, 4:] = [0.02, -0.01, *[0] * 12]
    lenses[0, 16:18] = 0.01, -0.02
    rows = np.stack([np.r_[c.cam_from_world.rotation.flatten().numpy(), c.cam_from_world.translation] for c in cameras])
    unknowns = unknowns_of(
        KINDS, lenses, [(1920, 1080)] * 3, free_poses=np.array([False, True, True]),
        held_targets=np.zeros(corners.n_targets, bool),
    )  # fmt: skip
    poses = rows_of(scene.world_from_target)[corners.target_instant]
    poses[:, 9:] += rng.normal(0, 0.002, (len(poses), 3))
    return Problem(corners.observed(KINDS), unknowns, 1.0), State(lenses, rows, poses)


def _moved(state: State, step_cameras: np.ndarray, step_targets: np.ndarray) -> State:
    cameras, poses = np.empty_like(state.cameras), np.empty_like(state.poses)
    for c, step in enumerate(step_cameras):
        targets.move_camera(state.cameras[c], step[:6], cameras[c])
    for f, step in enumerate(step_targets):
        targets.move(state.poses[f], step, poses[f])
    return State(state.lenses + step_cameras[:, 6:], cameras, poses)


def test_the_gradient_is_the_cost_s_derivative(problem):
    """By central differences, Huber's loss and the priors included; measured 2e-6 relative."""
    problem, state = problem
    normal, rng = problem.linearise(state), np.random.default_rng(1)
    scale = np.r_[np.full(6, 1e-4), np.full(4, 0.05), np.full(14, 1e-4)]
    for _ in range(10):
        cameras = rng.normal(0, 1, (3, N_CAMERA)) * scale * problem.unknowns.free
        moved_targets = rng.normal(0, 1e-4, (len(state.poses), 6))
        expected = (normal.gb * moved_targets).sum()
        for c in range(3):
            free = problem.unknowns.free[c]
            expected += normal.ga[c, : free.sum()] @ cameras[c, free]
        costs = [problem.linearise(_moved(state, h * cameras, h * moved_targets)).cost for h in (-1e-2, 1e-2)]
        assert (costs[1] - costs[0]) / 4e-2 == pytest.approx(expected, rel=1e-4)


def test_elimination_solves_the_whole_system(problem):
    """The Schur complement's step against one dense solve. Measured 2e-5 relative: priors are weak, pixels many."""
    problem, state = problem
    normal, n = problem.linearise(state), int(problem.unknowns.size.sum())
    n_targets = problem.observed.n_targets
    full, rhs = np.zeros((n + 6 * n_targets,) * 2), np.zeros(n + 6 * n_targets)
    offset, size = problem.unknowns.offset, problem.unknowns.size
    for c in range(3):
        block = slice(offset[c], offset[c] + size[c])
        full[block, block], rhs[block] = normal.a[c, : size[c], : size[c]], -normal.ga[c, : size[c]]
    for f in range(n_targets):
        block = slice(n + 6 * f, n + 6 * f + 6)
        full[block, block], rhs[block] = normal.b[f], -normal.gb[f]
        for run in range(problem.observed.first_run[f], problem.observed.first_run[f + 1]):
            c = problem.observed.camera_of_run[run]
            full[block, offset[c] : offset[c] + size[c]] = normal.e[run, :, : size[c]]
    full = np.tril(full) + np.tril(full, -1).T
    scale = 1 / np.sqrt(full.diagonal())
    dense = scale * np.linalg.solve(full * np.outer(scale, scale), scale * rhs)
    trial, _ = normal.trial(0.0)
    free, columns = problem.unknowns.lens_columns(2)
    np.testing.assert_allclose((trial.lenses - state.lenses)[2, free], dense[offset[2] + columns], rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(
        trial.poses[:, 9:] - state.poses[:, 9:], dense[n:].reshape(-1, 6)[:, 3:], rtol=1e-4, atol=1e-6
    )
    cov = np.linalg.inv(full * np.outer(scale, scale)) * np.outer(scale, scale)
    np.testing.assert_allclose(normal.covariance().diagonal(), cov.diagonal()[:n], rtol=1e-3)


def test_the_same_input_gives_the_same_bytes(problem):
    problem, state = problem
    one, other = adjust(problem, state), adjust(problem, state)
    assert one.state.lenses.tobytes() == other.state.lenses.tobytes()
    assert one.cov.tobytes() == other.cov.tobytes()


def test_a_held_target_and_a_held_camera_stay(problem):
    problem, state = problem
    held = np.arange(len(state.poses)) == 3
    problem = replace(problem, unknowns=replace(problem.unknowns, held=held), bend_px=EXACT)
    found = problem.minimum(state).x
    assert np.array_equal(found.poses[3], state.poses[3])
    assert not np.array_equal(found.poses[2], state.poses[2])
    assert np.array_equal(found.cameras[0], state.cameras[0])


def test_a_point_behind_a_camera_is_impossible(problem):
    problem, state = problem
    seen_by_first = problem.observed.target_of[problem.observed.camera_of == 0][0]
    behind, rotation = state.poses.copy(), state.cameras[0, :9].reshape(3, 3)
    behind[seen_by_first, 9:] = rotation.T @ (np.array([0, 0, -5.0]) - state.cameras[0, 9:])
    assert problem.linearise(replace(state, poses=behind)).cost == np.inf


def test_corners_keep_their_place_through_sorting():
    scene = board_scenes.board_scene(n_views=3, n_instants=8, max_tilt_deg=180.0)
    corners: Corners = corners_of([scene.observations])
    (back,) = corners.per_set(corners.uv_px[:, 0])
    assert np.array_equal(back.numpy(), scene.observations.uv_px[..., 0].numpy(), equal_nan=True)
