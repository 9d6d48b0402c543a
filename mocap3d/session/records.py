"""The frozen records that rooms hand to each other; nothing else passes between two verbs.

Shapes: v views, t instants, p people, k keypoints, m alternatives (heatmap peaks), n ragged. CPU, float64 unless said
otherwise. World: right-handed, Z up, metres. Missing is NaN; doubt is one standard deviation or a covariance.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from pathlib import Path

from jaxtyping import Float, Int, Int8
from torch import Tensor

from mocap3d.geometry.camera import Camera
from mocap3d.skeletons.kinematics import ScaledSkeleton
from mocap3d.skeletons.skeleton import Skeleton

ViewId = str


class Provenance(IntEnum):
    """Where a 3D point comes from; it survives into every export."""

    MISSING = 0
    """Not known: NaN."""
    FILLED = 1
    """Bridged by the temporal and body priors: fewer than two views saw it."""
    MEASURED = 2
    """Seen by at least two views that agree."""


@dataclass(frozen=True, slots=True)
class Person:
    """What is known beforehand about one person of a session."""

    name: str
    height_m: float | None = None
    mass_kg: float | None = None
    length_m: Mapping[str, float] = field(default_factory=dict)
    """Measured between joint centres, by segment: femur, tibia, humerus, forearm ...; femur_r where sides differ."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file or an image folder says of itself."""

    path: Path
    size_px: tuple[int, int]
    """(width, height), as decoded and after the container's rotation."""
    rate: Fraction | None
    """Exact frames per second; None for an image folder without one."""
    t_s: Float[Tensor, " n"]
    """Presentation time of every frame, from the container; starts at 0. NaN for images of unknown rate."""


@dataclass(frozen=True, slots=True)
class KeypointSource:
    """2D keypoints of one view as another program wrote them."""

    path: Path
    """A file, or a folder with one file per frame."""
    format: str
    """openpose | coco | deeplabcut | sleap | mocap3d."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a session folder holds; nothing of it is decoded yet."""

    root: Path
    views: tuple[ViewId, ...]
    """In natural order: cam2 before cam10."""
    videos: Mapping[ViewId, VideoInfo]
    keypoints: Mapping[ViewId, KeypointSource]
    calibration: Path | None
    """Our calibration.toml, or a foreign calibration file."""
    rate: Fraction | None
    """Instants per second of the common timeline: session.toml's rate, or else the fastest video's."""
    people: tuple[Person, ...] = ()
    skeleton: str | None = None
    """Name of the keypoint set; None where the keypoint files tell."""
    offset_s: Mapping[ViewId, float] = field(default_factory=dict)
    """When each view's first frame was taken, on the common clock; absent = 0."""
    view_rate: Mapping[ViewId, Fraction] = field(default_factory=dict)
    """Rates that session.toml states for single views: they overrule what the video says of itself."""
    options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """The option tables of session.toml by their command, e.g. reconstruct; as read, see ``session.toml.typed``."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The common instants, and which (fractional) frame of each view belongs to each."""

    t_s: Float[Tensor, " t"]
    rate: Fraction
    frame_of_view: Mapping[ViewId, Float[Tensor, " t"]]
    """NaN outside the view's recording. A fractional frame lies between two frames."""


@dataclass(frozen=True, slots=True)
class CalibratedRig:
    """The cameras of a session, in one world."""

    cameras: Mapping[ViewId, Camera]
    """In natural view order."""
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class TargetObservations:
    """One rigid target (a board, a wand, points of the scene) as seen by several views at several instants."""

    name: str
    p_in_target: Float[Tensor, "k 3"]
    """Metres, in the target's own frame; only such points that some view may see."""
    views: tuple[ViewId, ...]
    """In natural order."""
    size_px: Mapping[ViewId, tuple[int, int]]
    """(width, height) of the pictures of each view."""
    t_s: Float[Tensor, " t"]
    """When each instant was; NaN where images have no time."""
    frame: Int[Tensor, "v t"]
    """Frame number in the view's recording, -1 where the view has none at that instant."""
    uv_px: Float[Tensor, "v t k 2"]
    """NaN = not seen."""
    sigma_px: Float[Tensor, "v t k"]
    """One standard deviation per axis; NaN = not seen."""


@dataclass(frozen=True, slots=True)
class Detections:
    """2D keypoints of one view: n person sightings, each in one frame."""

    view: ViewId
    keypoint_set: str
    """Name of a skeleton table, e.g. body25b."""
    frame: Int[Tensor, " n"]
    """Frame number in the view's video, from 0, ascending."""
    person: Int[Tensor, " n"]
    """Number of the sighting's track in this view, or of its person where that is known; -1 where there is none."""
    box_px: Float[Tensor, "n 4"]
    """x0 y0 x1 y1; NaN where unknown."""
    uv_px: Float[Tensor, "n k m 2"]
    """Alternatives of every keypoint, most likely first; NaN = missing."""
    cov_px2: Float[Tensor, "n k m 2 2"]
    log_weight: Float[Tensor, "n k m"]
    """Log of the detector's score, in (0, 1], of each alternative; -inf where missing."""
    n_frames: int
    """Length of the view's recording in frames (sightings may be absent at its end)."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Where people known in 3D should be seen in one view: n sightings to look for, in any order."""

    view: ViewId
    frame: Int[Tensor, " n"]
    person: Int[Tensor, " n"]
    """Position in the people of the tracks."""
    uv_px: Float[Tensor, "n k 2"]
    """NaN where the 3D keypoint is not known."""


@dataclass(frozen=True, slots=True)
class Tracks2D:
    """Sightings put in order: which 2D keypoints belong to which person at which instant."""

    views: tuple[ViewId, ...]
    skeleton: Skeleton
    people: tuple[str, ...]
    t_s: Float[Tensor, " t"]
    rate: Fraction
    uv_px: Float[Tensor, "v t p k m 2"]
    cov_px2: Float[Tensor, "v t p k m 2 2"]
    log_weight: Float[Tensor, "v t p k m"]


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """How noisy one person's 2D keypoints really are, as measured on the recording."""

    scale2: Float[Tensor, "v k s"]
    """Factor on the stated covariances, tabulated evenly over the score from 0 to 1."""
    share: float
    """Share of the noise variance that persists from instant to instant but fades."""
    memory: float
    """Correlation of that share between neighbouring instants (AR(1) coefficient)."""
    spread: float
    """Variance of a robust estimate relative to what its normal matrix states; depends on the tails of the noise."""
    bias: float = 0.0
    """Share that stays: errors of the calibration, or a detector that always points beside the joint."""


@dataclass(frozen=True, slots=True)
class Points3D:
    """3D keypoints of people over time, each with its doubt and its origin."""

    skeleton: Skeleton
    people: tuple[str, ...]
    t_s: Float[Tensor, " t"]
    rate: Fraction
    p_in_world: Float[Tensor, "t p k 3"]
    cov_m2: Float[Tensor, "t p k 3 3"]
    n_views: Int8[Tensor, "t p k"]
    """Views that agree with the point."""
    provenance: Int8[Tensor, "t p k"]
    """Values of :class:`Provenance`."""
    noise: tuple[NoiseModel, ...] = ()
    """Of each person's 2D keypoints, where it was measured."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Skeletons in motion: constant lengths, joints that turn. All people share one kinematic tree.

    Shapes: j joints, s spans of the tree. A rotation's covariance is that of the small turn, about the axes of the
    segment that is turned, by which it may be off.
    """

    skeletons: tuple[ScaledSkeleton, ...]
    """Of each person; their lengths do not change over time."""
    people: tuple[str, ...]
    t_s: Float[Tensor, " t"]
    rate: Fraction
    root_in_world: Float[Tensor, "t p 3"]
    root_cov_m2: Float[Tensor, "t p 3 3"]
    parent_from_joint: Float[Tensor, "t p j 3 3"]
    """Rotations; of the root: world_from_root. The identity in the anatomical position, but for the root."""
    rotation_cov_rad2: Float[Tensor, "t p j 3 3"]
    span_cov_rad2: Float[Tensor, "t p s 3 3"]
    """The same for the rotation between the two segments of each span."""
    joint_in_world: Float[Tensor, "t p j 3"]
    joint_cov_m2: Float[Tensor, "t p j 3 3"]
    provenance: Int8[Tensor, "t p j"]
    """Of each joint's turn, by the keypoints that show it: values of :class:`Provenance`. Missing turns are NaN."""


@dataclass(frozen=True, slots=True)
class JointAngles:
    """Anatomical angles of people over time; a angles, named as in OpenSim."""

    people: tuple[str, ...]
    names: tuple[str, ...]
    """e.g. hip_flexion_r, knee_angle_r."""
    t_s: Float[Tensor, " t"]
    rate: Fraction
    angle_rad: Float[Tensor, "t p a"]
    """Without jumps by full turns; NaN = missing."""
    sigma_rad: Float[Tensor, "t p a"]
    provenance: Int8[Tensor, "t p a"]
    observable: tuple[tuple[str, ...], ...]
    """Per person and angle, in words: "measured", or what keeps it from being so."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a reconstruction is, and what is doubtful, in numbers and in words."""

    reprojection_px: Float[Tensor, "v k"]
    """Median distance of accepted 2D points to the reprojected joint; NaN where none."""
    inlier_fraction: Float[Tensor, "v k"]
    sigma_mm: Float[Tensor, " k"]
    """Median stated one-sigma (largest axis) of each keypoint."""
    coverage: Float[Tensor, "p k"]
    """Fraction that is measured of the instants from somebody's first known point to their last."""
    filled: Float[Tensor, "p k"]
    """Fraction of the same that is filled by the priors."""
    views_per_point: float
    limb_names: tuple[str, ...]
    limb_length_m: Float[Tensor, "p b"]
    limb_spread_m: Float[Tensor, "p b"]
    """Standard deviation over time of each limb's length."""
    delay_s: Float[Tensor, " v"]
    """How much later each view shows what 3D says; NaN where too little moved to tell."""
    delay_sigma_s: Float[Tensor, " v"]
    warnings: tuple[str, ...]
