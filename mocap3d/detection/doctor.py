"""What mocap3d can use of this machine and its installation: packages, weights, and the device, put to the test."""

import ctypes.util
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal

import torch

from mocap3d.detection.options import DEFAULT
from mocap3d.detection.runtime import choose_device, named
from mocap3d.detection.weights import find
from mocap3d.errors import PACKAGE_OF, Mocap3dError
from mocap3d.solve import rays, sequence
from mocap3d.solve.compiled import is_compiled

State = Literal["ok", "absent", "broken"]
NEEDED = ("torch", "numpy", "scipy", "numba", "opencv-contrib-python-headless", "av", "h5py", "pyarrow", "tyro", "rich")
OPTIONAL = {
    "matplotlib": ("mocap3d plot", "pip install mocap3d[plot]"),
    "open3d": ("a window for mocap3d view", "pip install mocap3d[view]"),
    "onnxruntime": ("--detector onnx:FILE", "pip install mocap3d[onnx]"),
    "anny": ("mocap3d synth people", "pip install mocap3d[synthesis]"),
}
"""What each is for, and how to have it."""
_LIBRARIES = {"usb-1.0": "libusb", "GL": "libGL", "X11": "libX11"}
"""What open3d loads from the system, as the linker and as :data:`mocap3d.errors.PACKAGE_OF` call it."""
_SIZE, _TOLERANCE = 512, 1e-3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    what: str
    state: State
    """absent = can be done without; broken = something to mend."""
    told: str
    remedy: str = ""


def examine() -> Iterator[Check]:
    """All checks, one after the other; the device is used for some milliseconds."""
    yield Check("Python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Check("processor", "ok", f"{os.cpu_count()} cores; threads of PyTorch: {torch.get_num_threads()}")
    yield from map(_needed, NEEDED)
    yield from (_optional(name, *purpose) for name, purpose in OPTIONAL.items())
    if find_spec("open3d") and sys.platform == "linux":
        yield from (_library(name, PACKAGE_OF[known_as]) for name, known_as in _LIBRARIES.items())
    yield _weights()
    yield _kernels()
    yield _device()


def _needed(name: str) -> Check:
    try:
        return Check(name, "ok", version(name))
    except PackageNotFoundError:
        return Check(name, "broken", "not installed", f"pip install {name}")


def _optional(name: str, purpose: str, remedy: str) -> Check:
    try:
        return Check(name, "ok", f"{version(name)}, for {purpose}")
    except PackageNotFoundError:
        return Check(name, "absent", f"not installed; needed for {purpose}", remedy)


def _library(name: str, package: str) -> Check:
    found = ctypes.util.find_library(name)
    if found:
        return Check(f"lib{name}", "ok", f"{found}, for open3d")
    return Check(f"lib{name}", "absent", "not found; open3d needs it to be loaded", f"apt-get install {package}")


def _weights() -> Check:
    try:
        path = find(DEFAULT)
    except Mocap3dError as error:
        return Check("weights", "broken", str(error), "Install mocap3d again.")
    return Check("weights", "ok", f"{DEFAULT}: {path.name}, {path.stat().st_size / 2**20:.1f} MB")


def _kernels() -> Check:
    ready = is_compiled(rays.triangulate) and is_compiled(sequence.gauss_newton)
    return Check("kernels", "ok", "compiled" if ready else "will be compiled at the first run, about half a minute")


def _device() -> Check:
    """Which device ``auto`` takes and why, and whether it multiplies as the processor does."""
    device, why = choose_device("auto"), _why()
    if device.type == "cpu":
        return Check("device", "ok", f"{named(device)}: {why}")
    try:
        off, took_s = _compared(device)
    except RuntimeError as error:  # of CUDA: driver too old, out of memory, no kernel for this card
        reason = str(error).splitlines()[0]
        remedy = "Update the driver, or install a PyTorch for this card; until then use --detect.device cpu."
        return Check("device", "broken", f"{named(device)} is there but fails: {reason}", remedy)
    if not off < _TOLERANCE:
        remedy = "Do not use it: take --detect.device cpu, and test the card's memory."
        return Check("device", "broken", f"{named(device)} differs from the processor by {off:.1e}", remedy)
    return Check("device", "ok", f"{named(device)}: {why}; tested in {1000 * took_s:.0f} ms, as exact as the processor")


def _why() -> str:
    if torch.cuda.is_available():
        name, memory = torch.cuda.get_device_name(0), torch.cuda.get_device_properties(0).total_memory
        return f"{name}, {memory / 2**30:.0f} GB; PyTorch was built for CUDA {torch.version.cuda}"
    if torch.backends.mps.is_available():
        return "Apple's GPU"
    built = torch.version.cuda or torch.version.hip
    return "no GPU answers its driver" if built else f"PyTorch {torch.__version__} is built without GPU support"


def _compared(device: torch.device) -> tuple[float, float]:
    """Largest relative difference of a product and a convolution from the processor's, and the seconds they took."""
    seeded = torch.Generator().manual_seed(0)
    a, b = (torch.randn(_SIZE, _SIZE, generator=seeded) for _ in range(2))
    picture, kernel = torch.randn(1, 8, 64, 64, generator=seeded), torch.randn(8, 8, 3, 3, generator=seeded)
    expected = [a @ b, torch.nn.functional.conv2d(picture, kernel)]
    was = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        start_s = time.perf_counter()
        product = a.to(device) @ b.to(device)
        found = [product.cpu(), torch.nn.functional.conv2d(picture.to(device), kernel.to(device)).cpu()]
        took_s = time.perf_counter() - start_s
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = was
    return max(float((f - e).abs().max() / e.abs().max()) for f, e in zip(found, expected, strict=True)), took_s
