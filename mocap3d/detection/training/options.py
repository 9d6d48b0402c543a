"""Everything that decides a training run, as one dataclass: the TOML file of ``mocap3d train`` and its flags."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from mocap3d.detection.losses import LossOptions
from mocap3d.detection.runtime import Device
from mocap3d.detection.training.augment import AugmentOptions
from mocap3d.detection.training.batches import BatchOptions
from mocap3d.errors import DetectionError
from mocap3d.session.toml import read_toml, typed
from mocap3d.session.views import did_you_mean, listed

PRESETS = Path(__file__).parent / "presets"


@dataclass(frozen=True)
class BudgetOptions:
    """How long to train, and what happens when. One of steps, epochs and minutes is given."""

    steps: int | None = None
    """Optimiser steps."""
    epochs: float | None = None
    """Times that every picture is shown."""
    minutes: float | None = None
    """Wall-clock time, restarts together."""
    warmup_steps: int = 200
    """Steps in which the learning rate rises to its full height; again for the trunk when it joins."""
    warmup_epochs: float = 0.0
    """The same in epochs; the longer of the two holds."""
    freeze_trunk_for: float = 0.0
    """Part of the budget, 0 to 1, before the trunk learns too; 1 = never."""
    validate_every_minutes: float = 10.0
    """Time between two looks at the held-out pictures."""
    validate_every_steps: int = 0
    """The same in steps; 0 = by time."""
    save_every_minutes: float = 2.0
    """Time between two checkpoints: what a kill can cost."""

    def __post_init__(self):
        given = [name for name in ("steps", "epochs", "minutes") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are both given; needed one of them.")
        for name in given:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; needed more than 0.")
        if not 0 <= self.freeze_trunk_for <= 1:
            raise ValueError(f"freeze_trunk_for is {self.freeze_trunk_for:g}; needed a part of the budget, 0 to 1.")


@dataclass(frozen=True)
class OptimiserOptions:
    """AdamW, and how its steps are kept in bounds."""

    lr: float = 1e-3
    """Largest learning rate; it falls by a cosine to 2 % of this."""
    weight_decay: float = 1e-3
    clip: float = 2.0
    """Largest norm of the gradient of all but the trunk."""
    trunk_lr: float = 0.1
    """Factor on the learning rate for the trunk."""
    trunk_in_proportion: bool = False
    """Whether the trunk's steps are in proportion to the size of each filter, with trunk_lr 0.5 to 1, say: for a trunk
    whose norms were folded into filters of very different sizes."""
    trunk_clip: float = 20.0
    """Largest norm of the trunk's gradient: without batch norm it is some 40 times that of the rest."""
    distil: float = 0.1
    """Weight of staying with the features of the trunk that training started from (init), once it learns; against drift
    to synthetic looks."""
    distil_share: float = 0.25
    """Part of each batch on which that is measured: the first trunk has to run once more for it."""
    anchor: float = 0.0
    """Weight of staying near the start weights (L2-SP), for fine-tuning on little data."""
    ema: float = 0.998
    """Memory of the moving average of the weights, which is what is saved; shorter in the first steps."""

    def __post_init__(self):
        for name, value in asdict(self).items():
            if value < 0 or (name in ("lr", "clip", "trunk_clip") and value == 0):
                raise ValueError(f"{name} is {value:g}; needed more than 0.")
        if not (self.ema < 1 and 0 < self.distil_share <= 1):
            raise ValueError(
                f"ema {self.ema:g} must be below 1, distil_share {self.distil_share:g} above 0, at most 1."
            )


@dataclass(frozen=True)
class TrainOptions:
    """A training run. Folders are those of `mocap3d synth people`, or of other programs in the same format."""

    network: str = "sapenet-s"
    """sapenet-s, sapenet-m or sapenet-l; what each is stands in docs/sapenet.md."""
    without: tuple[Literal["afl", "spi", "akcr", "prior"], ...] = ()
    """Parts of the network to leave out, to see what they are worth."""
    depth: bool = False
    """Whether the network takes inverse depth beside the picture; the data must hold it."""
    data: tuple[Path, ...] = ()
    """Folders with pictures to learn from."""
    val: tuple[Path, ...] = ()
    """Folders with held-out pictures."""
    out: Path = Path("training")
    """Folder for state, logs, pictures and weights. A run that was interrupted goes on from there."""
    init: str | None = None
    """Weights to start from: a trunk or a whole network, by name or path; none = random."""
    size_px: tuple[int, int] = (192, 256)
    """Width and height of the network's input."""
    seed: int = 0
    threads: int = 0
    """Threads of PyTorch; 0 = as PyTorch chooses. On busy cores 1 is best."""
    device: Device = "auto"
    bf16: bool = True
    """Compute in bfloat16 where PyTorch deems it safe."""
    fusion: Literal["triangulation", "fit"] = "triangulation"
    """How views of one moment are fused for the multi-view loss; fit mistrusts a lone view and knows limbs, but takes a
    second for each moment."""
    max_val: int = 600
    """Held-out pictures per folder that are looked at."""
    about: str = ""
    """A sentence for the model card."""
    licence: str = "BSD-3-Clause"
    """Licence of the weights, for the model card."""
    batches: BatchOptions = field(default_factory=BatchOptions)
    budget: BudgetOptions = field(default_factory=BudgetOptions)
    optimiser: OptimiserOptions = field(default_factory=OptimiserOptions)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    loss: LossOptions = field(default_factory=LossOptions)

    def __post_init__(self):
        if self.batches.share and len(self.batches.share) != len(self.data):
            raise ValueError(
                f"batches.share has {len(self.batches.share)} numbers for {len(self.data)} data folders; "
                "needed one each, or none."
            )
        if any(side % 32 or side <= 0 for side in self.size_px):
            raise ValueError(f"size_px is {self.size_px}; needed a width and a height that 32 divides.")


def presets() -> list[str]:
    """Names of the configurations that come with the program."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def read_options(config: str | Path) -> TrainOptions:
    """The options of a TOML file, or of a preset by name. Relative folders in a file are relative to it."""
    path = PRESETS / f"{config}.toml" if str(config) in presets() else Path(config)
    if not path.is_file():
        raise DetectionError(
            f"There is no configuration '{config}'.{did_you_mean(str(config), presets())} Needed: a TOML file, or one "
            f"of the presets {listed(presets())}."
        )
    table = read_toml(path, error=DetectionError)
    options = typed(table, TrainOptions, source=path, error=DetectionError)
    return options if path.parent == PRESETS else _beside(options, path.parent)


def check_complete(options: TrainOptions) -> None:
    """Refuse a run that has no data or no end."""
    if not options.data:
        raise DetectionError("No data to train on. Give folders of `mocap3d synth people` (data = [...] or --data).")
    budget = options.budget
    if budget.steps is None and budget.epochs is None and budget.minutes is None:
        raise DetectionError("No budget. Give [budget] steps, epochs or minutes (or --budget.minutes 30).")


def as_table(options: TrainOptions) -> dict[str, object]:
    """The options as TOML and JSON can write them: absent where None."""
    return {name: _plain(value) for name, value in asdict(options).items() if value is not None}


def _beside(options: TrainOptions, folder: Path) -> TrainOptions:
    """With relative paths taken from ``folder``."""
    init = options.init
    if init is not None and (folder / init).is_file():
        init = str(folder / init)
    data, val = (tuple(folder / path for path in paths) for paths in (options.data, options.val))
    return replace(options, data=data, val=val, out=folder / options.out, init=init)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
