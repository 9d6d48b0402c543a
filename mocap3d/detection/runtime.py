"""Where networks run, and in which form: the device, and modules made fast and equal for any batch."""

import copy
import logging
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, partial
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from mocap3d.errors import DetectionError

log = logging.getLogger("mocap3d")

Device = Literal["auto", "cpu", "cuda", "mps"]
Network = Callable[..., tuple[Tensor, ...]]
T = TypeVar("T")


def choose_device(wanted: Device) -> torch.device:
    """The device asked for, or the fastest there is; DetectionError where the one asked for is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    name = next(name for name, is_there in there.items() if is_there) if wanted == "auto" else wanted
    if not there[name]:
        usable = ", ".join(name for name, is_there in there.items() if is_there)
        raise DetectionError(
            f"device '{name}' was asked for, but this PyTorch ({torch.__version__}) finds none. Usable here: {usable}. "
            "Ask for one of them or for auto, or install a PyTorch for that device."
        )
    return torch.device(name)


def named(device: torch.device) -> str:
    """The device in words, for the log."""
    if device.type == "cpu":
        return f"the CPU, {torch.get_num_threads()} threads"
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def deployed(module: nn.Module, *examples: Tensor, batch: int = 16) -> Network:
    """The module for inference on the device of ``examples``, its inputs at batch 1; any batch in, tuples out.

    What comes out of one item depends on no other item and not on how many there are: sums are taken in another order
    for another batch, 1e-7 apart, which a tracker may turn into pixels. On a CPU therefore each item runs alone, on one
    thread, and as many at once as PyTorch may use threads; on a GPU all calls are filled up to ``batch``. The module
    itself is not touched; the work is done at the first call.
    """
    if examples[0].device.type == "cpu":
        return _OneByOne(lambda: frozen(module, examples))
    return _InChunks(lambda: _channels_last(module), batch)


def frozen(module: nn.Module, examples: tuple[Tensor, ...]) -> Network:
    """For inputs of the examples' shapes: traced, batch norms folded into convolutions, channels last.

    ``optimize_for_inference`` would copy to oneDNN's layouts and back around whatever is no convolution: a fifth of
    sapenet-s's time.
    """
    plain = _channels_last(module)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of sizes that it takes for constants, which they are
        network = torch.jit.freeze(torch.jit.trace(plain, examples, check_trace=False))
        for _ in range(2):  # the first calls compile
            network(*examples)
    return network


def _channels_last(module: nn.Module) -> nn.Module:
    """A copy, as crops are: what belongs to one pixel lies together."""
    plain: nn.Module = _Plain(copy.deepcopy(module))
    return plain.to(memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]


def _apart(maps: Tensor) -> Tensor:
    """Alone in memory, in the one layout that the networks are given."""
    return maps.contiguous(memory_format=torch.channels_last)


class _Plain(nn.Module):
    """The module's output as a tuple of tensors: tracing knows no other classes."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        output = self.module(*inputs)
        return (output,) if isinstance(output, Tensor) else tuple(output)


class _OneByOne:
    """A network that is given one item at a time, several at once in threads of their own.

    Two threads that share the work of one crop wait for each other after every layer: on a busy machine, forever.
    """

    def __init__(self, make: Callable[[], Network]) -> None:
        self._make = make

    @cached_property
    def _network(self) -> Network:
        return _workers(torch.get_num_threads()).submit(self._make).result()

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        n, network = len(inputs[0]), self._network
        assert n, "there is nothing to compute"

        @torch.inference_mode()
        def run(item: int) -> tuple[Tensor, ...]:
            return network(*(_apart(tensor[item : item + 1]) for tensor in inputs))

        return tuple(torch.cat(of_all) for of_all in zip(*each_alone(run, n), strict=True))


def each_alone(run: Callable[[int], T], n: int) -> list[T]:
    """``run`` of 0 to n - 1: each on one thread, and as many at once as PyTorch may use threads."""
    return list(_workers(torch.get_num_threads()).map(run, range(n)))


@cache
def _workers(n: int) -> ThreadPoolExecutor:
    """Threads that compute alone."""
    pool, all_there = ThreadPoolExecutor(n, initializer=partial(torch.set_num_threads, 1)), threading.Barrier(n)
    list(pool.map(lambda _: all_there.wait(), range(n)))
    torch.set_num_threads(n)  # what was said last holds for threads that are made later
    return pool


class _InChunks:
    """A network that is always called with ``size`` items; the last call is filled up with its last item."""

    def __init__(self, make: Callable[[], Network], size: int) -> None:
        self._make, self._size = make, size

    @cached_property
    def _network(self) -> Network:
        return self._make()

    @torch.inference_mode()
    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        n = len(inputs[0])
        assert n, "there is nothing to compute"
        chunks = [self._run(n, start, inputs) for start in range(0, n, self._size)]
        return tuple(torch.cat(parts)[:n] for parts in zip(*chunks, strict=True))

    def _run(self, n: int, start: int, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        which = torch.arange(start, start + self._size).clamp(max=n - 1)
        return self._network(*(_apart(tensor[which]) for tensor in inputs))
