"""Weights on disk: half-precision safetensors whose header carries a model card; shipped ones are checked by SHA-256.

Nothing is ever downloaded.
"""

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from mocap3d.errors import DetectionError
from mocap3d.session.files import write_atomically

SHIPPED = Path(__file__).parent / "checkpoints"
SUMS = SHIPPED / "SHA256SUMS"
SUFFIX = ".safetensors"
_DIVERGED = "so the training diverged. Use an earlier checkpoint."


@dataclass(frozen=True, slots=True)
class WeightFile:
    """Parameters by name (float32) and what is known of them."""

    tensors: Mapping[str, Float[Tensor, "..."]]
    card: Mapping[str, Any]
    """Data, licence, metrics, command and commit; {} where the file says nothing."""
    path: Path
    sha256: str


def shipped() -> list[str]:
    """Names of the weights inside the package."""
    return sorted(path.stem for path in SHIPPED.glob(f"*{SUFFIX}"))


def find(name_or_path: str | Path) -> Path:
    """The file of shipped weights by name, or of any weights by path."""
    here = SHIPPED / f"{name_or_path}{SUFFIX}"
    if str(name_or_path) in shipped():
        return here
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    near = difflib.get_close_matches(str(name_or_path), shipped(), 1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    raise DetectionError(
        f"There are no weights '{name_or_path}'. {hint}Needed: one of the shipped ({', '.join(shipped()) or 'none'}), "
        f"or the path of a {SUFFIX} file. Nothing is downloaded: make larger ones with tools/convert_blazepose.py or "
        "`mocap3d train`, and give their path."
    )


def load(name_or_path: str | Path) -> WeightFile:
    """Reads weights; shipped ones must have the sum that was recorded for them."""
    path = find(name_or_path)
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        with safe_open(path, "pt") as file:
            card = json.loads((file.metadata() or {}).get("card", "{}"))
            tensors = {name: file.get_tensor(name).float() for name in sorted(file.keys())}
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise DetectionError(
            f"{path} cannot be read as weights ({error}). Needed: a {SUFFIX} file. "
            "Copy or make it again; a shipped one comes back by installing mocap3d again."
        ) from error
    if path.resolve().parent == SHIPPED.resolve() and sha256 != _recorded().get(path.name):
        raise DetectionError(
            f"{path} is not the file that was shipped (SHA-256 {sha256[:12]}..., recorded "
            f"{_recorded().get(path.name, 'nothing')[:12]}...). Install mocap3d again, or keep own weights elsewhere."
        )
    if not isinstance(card, dict):
        raise DetectionError(
            f"{path} has a card that is a {type(card).__name__}. Needed: a table, as `mocap3d train` writes it."
        )
    for name, value in tensors.items():
        if not value.isfinite().all():
            raise DetectionError(f"{path}: {name} holds numbers that are not finite, {_DIVERGED}")
    return WeightFile(tensors, card, path, sha256)


def save(path: Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any], *, half: bool = True) -> None:
    """Writes weights whole or not at all; the same weights and card give the same bytes."""
    kind = torch.float16 if half else torch.float32
    plain = {name: tensors[name].detach().cpu().to(kind).contiguous() for name in sorted(tensors)}
    for name, value in plain.items():
        if not tensors[name].isfinite().all():
            raise DetectionError(f"{path} is not written: {name} holds numbers that are not finite, {_DIVERGED}")
        if not value.isfinite().all():
            raise DetectionError(f"{path} is not written: {name} exceeds half precision. Write it with half=False.")
    content = to_bytes(plain, {"card": json.dumps(card, sort_keys=True, ensure_ascii=False)})
    with write_atomically(path) as file:
        file.write(content)


def fill(module: nn.Module, file: WeightFile) -> None:
    """Loads weights into a module that has exactly their names and shapes."""
    own = module.state_dict()
    missing = sorted(own.keys() - file.tensors.keys())
    unknown = sorted(file.tensors.keys() - own.keys())
    wrong = sorted(
        f"{name} {tuple(file.tensors[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own.keys() & file.tensors.keys()
        if own[name].shape != file.tensors[name].shape
    )
    if missing or unknown or wrong:
        found = "; ".join(
            f"{len(names)} {what} ({names[0]})"
            for what, names in (("missing", missing), ("unknown", unknown), ("of another shape", wrong))
            if names
        )
        raise DetectionError(
            f"{file.path} does not fit {type(module).__name__}: of {len(own)} arrays, {found}. "
            f"It says that it holds: {file.card.get('name', 'nothing')}. Give the weights of this network."
        )
    module.load_state_dict(dict(file.tensors))


def record(path: Path) -> None:
    """Notes the sum of a shipped file in SHA256SUMS (in ``sha256sum``'s format)."""
    sums = {**_recorded(), path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    SUMS.write_text("".join(f"{sha256}  {name}\n" for name, sha256 in sorted(sums.items())), encoding="utf-8")


def _recorded() -> dict[str, str]:
    """SHA-256 by file name."""
    if not SUMS.is_file():
        return {}
    return {name: sha256 for sha256, name in (line.split() for line in SUMS.read_text(encoding="utf-8").splitlines())}
