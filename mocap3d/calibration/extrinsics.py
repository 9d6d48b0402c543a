"""Where the cameras stand, to begin with: from targets that two of them saw at the same instant.

Every such target gives the pose of one camera relative to the other, several times over where a flat target has two
poses. What most instants agree on is true; the chain of the best-supported pairs reaches every camera.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mocap3d.calibration.board_poses import BoardPoses, board_poses
from mocap3d.calibration.corners import Corners, corners_of, rigid_of, rows_of
from mocap3d.calibration.findings import no_common_view, refused
from mocap3d.calibration.intrinsics import LensEstimate
from mocap3d.calibration.lens_kinds import packed
from mocap3d.calibration.wand_poses import Placed, place_by_markers
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import TargetObservations, ViewId
from mocap3d.solve.bundle import Problem, State, Unknowns
from mocap3d.solve.targets import N_CAMERA

MAX_HYPOTHESES = 40
"""Instants whose relative pose is tried as the true one, evenly spread."""
AGREES = 0.1
"""Relative poses agree when turned by less than this (rad) and shifted by less than this share of the distance."""
BEND_PX = 10.0


@dataclass(frozen=True, slots=True)
class Shared:
    """How often two views saw a target at once, and how often that gave the same pose of the one to the other.

    Few of many: one of the two moved, is mirrored, or is not synchronised.
    """

    n_instants: int
    n_agreeing: int


@dataclass(frozen=True, slots=True)
class Poses:
    """First poses of cameras and targets; the world is the frame of the first view of its island."""

    cam_from_world: Mapping[ViewId, Rigid]
    world_from_target: tuple[Rigid, ...]
    """Of every set of observations, (t); NaN where no placed view sees the target."""
    islands: tuple[tuple[ViewId, ...], ...]
    """Views that are connected by targets seen together, the largest island first. Each has a world of its own."""
    shared: Mapping[tuple[ViewId, ViewId], "Shared"]
    """What every two views that saw a target at the same instant say of each other."""

    def check_connected(self) -> None:
        """Refuses views that no target connects, and says which."""
        if len(self.islands) > 1:
            raise refused(no_common_view(self.islands))


def first_poses(observations: Sequence[TargetObservations], lenses: Mapping[ViewId, LensEstimate]) -> Poses:
    """Poses of all cameras and targets, good enough to start an adjustment from."""
    corners = corners_of(observations, list(lenses))
    kinds_lenses = {view: (estimate.kind, estimate.lens) for view, estimate in lenses.items()}
    sightings = board_poses(corners, kinds_lenses)
    pairs = _pairs(sightings, len(corners.views))
    cameras, island = _chained(pairs, sightings, len(corners.views))
    problem, rows = _fixed_cameras(corners, lenses), np.stack([packed(lenses[view].lens) for view in corners.views])
    poses = _targets_placed(problem, rows, cameras, sightings, corners.n_targets)
    placed = place_by_markers(corners, Placed(cameras, poses, island), [lenses[view].lens for view in corners.views])
    return _in_first_views(corners, placed, pairs)


@dataclass(frozen=True, slots=True)
class Pair:
    """How one camera stands to another, and how many instants say so."""

    b_from_a: Float[np.ndarray, "4 4"]
    n_shared: int
    n_agreeing: int
    spread: float


def _pairs(sightings: BoardPoses, n_views: int) -> dict[tuple[int, int], Pair]:
    """Of every two views that see a target at the same instant."""
    matrices = _matrices(sightings.poses)
    of_view = [{int(t): n for n, t in enumerate(sightings.target_of) if sightings.view_of[n] == v}
               for v in range(n_views)]  # fmt: skip
    pairs = {}
    for a in range(n_views):
        for b in range(a + 1, n_views):
            shared = sorted(of_view[a].keys() & of_view[b].keys())
            if shared:
                in_a, in_b = [of_view[a][t] for t in shared], [of_view[b][t] for t in shared]
                rms_px = sightings.rms_px[in_a][:, :, None] + sightings.rms_px[in_b][:, None, :]
                pairs[a, b] = _agreed(matrices[in_a], matrices[in_b], rms_px)
    return pairs


def _agreed(
    a_from_target: Float[np.ndarray, "n 2 4 4"],
    b_from_target: Float[np.ndarray, "n 2 4 4"],
    rms_px: Float[np.ndarray, "n 2 2"],
) -> Pair:
    """The relative pose that most instants agree with; of those as good, the one whose boards fit best."""
    every = (b_from_target[:, None] @ np.linalg.inv(a_from_target)[:, :, None]).reshape(-1, 4, 4, 4)
    possible = np.isfinite(rms_px).reshape(-1, 4)
    likelihood = np.where(possible, rms_px.reshape(-1, 4), np.inf)
    distance = max(float(np.median(np.linalg.norm(a_from_target[:, 0, :3, 3], axis=-1))), 1e-9)
    chosen = np.unique(np.linspace(0, len(every) - 1, MAX_HYPOTHESES).round().astype(int))
    best, best_score = every[0, 0], (np.inf, np.inf)
    for n in chosen:
        for which in np.flatnonzero(possible[n]):
            apart = np.where(possible, _apart(every, every[n, which], distance), np.inf).min(1)
            # To a thousandth: every hypothesis agrees with its own instant, but for rounding.
            score = (round(float(np.minimum(apart, 2 * AGREES).mean()), 3), float(likelihood[n, which]))
            if score < best_score:
                best, best_score = every[n, which], score
    # The second time about the mean of those that agreed, not about one of them.
    best, _ = _averaged(every, possible, best, distance)
    best, apart = _averaged(every, possible, best, distance)
    return Pair(best, len(every), int((apart <= AGREES).sum()), float(np.median(apart)))


def _averaged(
    every: Float[np.ndarray, "n 4 4 4"],
    possible: Bool[np.ndarray, "n 4"],
    about: Float[np.ndarray, "4 4"],
    distance: float,
) -> tuple[Float[np.ndarray, "4 4"], Float[np.ndarray, " n"]]:
    """The mean of what agrees with a pose, of every instant the nearest; and how far apart from it each is."""
    off = np.where(possible, _apart(every, about, distance), np.inf)
    nearest, apart = off.argmin(1), off.min(1)
    agree = apart <= max(AGREES, float(np.median(apart)))
    return _mean_pose(every[np.arange(len(every)), nearest][agree]), apart


def _apart(motions: Float[np.ndarray, "n m 4 4"], other: Float[np.ndarray, "4 4"], distance: float) -> np.ndarray:
    """Angle (rad) plus shift in units of ``distance``."""
    cosine = (np.einsum("nmij,ij->nm", motions[..., :3, :3], other[:3, :3]) - 1) / 2
    shift = np.linalg.norm(motions[..., :3, 3] - other[:3, 3], axis=-1) / distance
    return np.arccos(np.clip(cosine, -1, 1)) + shift


def _mean_pose(motions: Float[np.ndarray, "n 4 4"]) -> Float[np.ndarray, "4 4"]:
    """The rotation nearest to all (chordal mean), and the median shift. Source: Hartley et al. (2013)."""
    u, _, vh = np.linalg.svd(motions[:, :3, :3].sum(0))
    mean = np.eye(4)
    mean[:3, :3] = u @ np.diag([1, 1, np.linalg.det(u @ vh)]) @ vh
    mean[:3, 3] = np.median(motions[:, :3, 3], axis=0)
    return mean


def _chained(
    pairs: Mapping[tuple[int, int], Pair], sightings: BoardPoses, n_views: int
) -> tuple[Float[np.ndarray, "c 12"], Int[np.ndarray, " c"]]:
    """Cameras along the spanning tree of best-supported pairs, and the island of each (its first view)."""
    island, poses = np.arange(n_views), np.tile(np.eye(4), (n_views, 1, 1))
    for (a, b), pair in sorted(pairs.items(), key=lambda item: (-item[1].n_agreeing, item[1].spread, item[0])):
        if island[a] == island[b] or pair.n_agreeing == 0:
            continue
        b_world_from_a_world = np.linalg.inv(poses[b]) @ pair.b_from_a @ poses[a]
        joined = island == island[b]
        poses[joined] = poses[joined] @ b_world_from_a_world
        island[joined] = island[a]
    seen = np.isin(np.arange(n_views), sightings.view_of)
    island = np.where(seen, island, np.arange(n_views))
    return np.concatenate([poses[:, :3, :3].reshape(-1, 9), poses[:, :3, 3]], 1), island


def _matrices(rows: Float[np.ndarray, "n 2 12"]) -> Float[np.ndarray, "n 2 4 4"]:
    out = np.tile(np.eye(4), (*rows.shape[:2], 1, 1))
    usable = np.isfinite(rows).all(-1)
    out[usable, :3, :3], out[usable, :3, 3] = rows[usable][:, :9].reshape(-1, 3, 3), rows[usable][:, 9:]
    return out


def _fixed_cameras(corners: Corners, lenses: Mapping[ViewId, LensEstimate]) -> Problem:
    """A problem in which only targets move, and wrong corners pull little."""
    n = len(corners.views)
    nothing = Unknowns(np.zeros((n, N_CAMERA), bool), np.zeros((n, 18)), np.zeros((n, 18, 18)),
                       np.zeros(corners.n_targets, bool))  # fmt: skip
    return Problem(corners.observed([lenses[view].kind for view in corners.views]), nothing, BEND_PX)


def _targets_placed(
    problem: Problem, rows: np.ndarray, cameras: Float[np.ndarray, "c 12"], sightings: BoardPoses, n_targets: int
) -> Float[np.ndarray, "f 12"]:
    """Of every pose that any view offers, the one that all views' corners like best; then refined in all of them."""
    cam_from_world = _matrices(np.repeat(cameras[:, None], 2, 1))[:, 0]
    offered = np.linalg.inv(cam_from_world)[sightings.view_of, None] @ _matrices(sightings.poses)
    best, least = np.full((n_targets, 12), np.nan), np.full(n_targets, np.inf)
    for view in np.unique(sightings.view_of):
        for which in range(2):
            mine = (sightings.view_of == view) & np.isfinite(sightings.rms_px[:, which])
            trial = np.full((n_targets, 12), np.nan)
            poses = offered[mine, which]
            trial[sightings.target_of[mine]] = np.concatenate([poses[:, :3, :3].reshape(-1, 9), poses[:, :3, 3]], 1)
            refined, costs = problem.with_poses_refined(State(rows, cameras, trial), n_steps=5)
            better = np.isfinite(costs) & (costs < least)
            best[better], least[better] = refined.poses[better], costs[better]
    return best


def _in_first_views(corners: Corners, placed: Placed, pairs: Mapping[tuple[int, int], Pair]) -> Poses:
    """Every island in the frame of its first view."""
    cam_from_world, world_from_target = rigid_of(placed.cameras), rigid_of(placed.poses)
    islands = [np.flatnonzero(placed.island == number) for number in np.unique(placed.island)]
    islands.sort(key=lambda members: (-len(members), members[0]))
    in_island: dict[ViewId, Rigid] = {}
    first_of_target = np.zeros(corners.n_targets, int)
    for members in islands:
        cam1_from_world = cam_from_world[int(members[0])]
        for member in members:
            in_island[corners.views[member]] = cam_from_world[int(member)] @ cam1_from_world.inverse()
        first_of_target[corners.target_of[np.isin(corners.view_of, members)]] = members[0]
    moved = cam_from_world[first_of_target] @ world_from_target
    in_order = {view: in_island[view] for view in corners.views}
    named = tuple(tuple(corners.views[m] for m in members) for members in islands)
    shared = {(corners.views[a], corners.views[b]): Shared(pair.n_shared, pair.n_agreeing)
              for (a, b), pair in pairs.items()}  # fmt: skip
    return Poses(in_order, corners.poses_per_set(rows_of(moved)), named, shared)
