"""A training run on disk: everything that the next step depends on, in one file that is whole or the one before."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mocap3d.detection.training.learner import Learner, Place
from mocap3d.errors import DetectionError
from mocap3d.session.files import written_aside

KIND = "mocap3d training 1"


def save_state(path: Path, learner: Learner) -> None:
    """Writes the state; a kill in the middle leaves the one before."""
    tensors = {f"model/{name}": value for name, value in learner.model.state_dict().items()}
    tensors |= {f"average/{name}": value for name, value in learner.average.model.state_dict().items()}
    tensors |= _slots("optimiser/", learner.model, learner.optimiser)
    if (judge := learner.judge) is not None:
        tensors |= {f"judge/{name}": value for name, value in judge.net.state_dict().items()}
        tensors |= _slots("judge_optimiser/", judge.net, judge.optimiser)
    tensors["random"] = torch.get_rng_state()
    # Channels-last tensors are permuted views, which the format does not take.
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    with written_aside(path) as aside:
        save_file(plain, aside, {"kind": KIND, "place": json.dumps(asdict(learner.place))})


def load_state(path: Path, learner: Learner) -> None:
    """Takes up the state that :func:`save_state` wrote; DetectionError where it is broken or of another network."""
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    except (OSError, SafetensorError) as error:
        raise _unusable(path, f"it cannot be read ({error})") from None
    if header.get("kind") != KIND:
        raise _unusable(path, f"it says '{header.get('kind', 'nothing')}', needed '{KIND}'")
    try:
        learner.model.load_state_dict(_under("model/", tensors))
        learner.average.model.load_state_dict(_under("average/", tensors))
        if (judge := learner.judge) is not None and (known := _under("judge/", tensors)):
            judge.net.load_state_dict(known)
            _fill_slots("judge_optimiser/", tensors, judge.net, judge.optimiser)
    except RuntimeError as error:
        raise _unusable(path, f"it is of another network ({str(error).splitlines()[-1].strip()})") from None
    _fill_slots("optimiser/", tensors, learner.model, learner.optimiser)
    torch.set_rng_state(tensors["random"])
    learner.place = Place(**json.loads(header["place"]))


def _slots(prefix: str, model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers of each parameter, by the parameter's name."""
    return {
        f"{prefix}{name}/{slot}": torch.as_tensor(value)
        for name, parameter in model.named_parameters()
        for slot, value in optimiser.state.get(parameter, {}).items()
    }


def _fill_slots(prefix: str, tensors: Mapping[str, Tensor], model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    for name, parameter in model.named_parameters():
        slots = _under(f"{prefix}{name}/", tensors)
        if slots:
            optimiser.state[parameter] = {
                slot: value if slot == "step" else value.to(parameter, memory_format=_layout(parameter))
                for slot, value in slots.items()
            }


def _layout(parameter: Tensor) -> torch.memory_format:
    return torch.channels_last if parameter.ndim == 4 else torch.contiguous_format


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _unusable(path: Path, why: str) -> DetectionError:
    return DetectionError(
        f"{path} is no state to go on from: {why}. Remove it to start anew, or train into another folder (--out)."
    )
