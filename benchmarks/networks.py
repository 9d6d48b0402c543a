"""Parameters, operations and time of every SAPENet variant beside HRNet and SimpleBaseline, in one run.

Run: python -m benchmarks.networks [--size 256 256] [--runs 10]
Multiply-adds are of convolutions and matrix products; papers call FLOPs one or two times as many. Time is what one
thread of the processor spends on one picture, the median of the runs after two that do not count: other programs
disturb it less than the clock on the wall.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.pose_networks import NETWORKS
from mocap3d.detection.sapenet import CONFIGS, Sapenet


def main() -> None:
    """A table in Markdown."""
    parser = argparse.ArgumentParser(description="Networks counted and timed.")
    parser.add_argument("--size", type=int, nargs=2, default=(256, 256), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    machine = platform.processor() or platform.machine()
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {machine}, one thread, seed 0\n")
    size = f"{options.size[0]} x {options.size[1]}"
    print(f"| network ({size}) | parameters (M) | published (M) | multiply-adds (G) | CPU time (ms) |")
    print("|---|---:|---:|---:|---:|")
    for name, config in CONFIGS.items():
        _row(name, lambda config=config: Sapenet(config), None, options)
    for name, (make, published) in NETWORKS.items():
        _row(name, make, published, options)


def _row(name: str, make: Callable[[], nn.Module], published: float | None, options: argparse.Namespace) -> None:
    net = make().eval()
    picture = torch.rand(1, 3, *options.size)
    parameters = sum(p.numel() for p in net.parameters()) / 1e6
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(picture)
    operations = counter.get_total_flops() / 2e9
    cpu_ms = _cpu_ms(net, picture, options.runs)
    said = "" if published is None else f"{published:.1f}"
    print(f"| {name} | {parameters:.1f} | {said} | {operations:.1f} | {cpu_ms:.0f} |", flush=True)


@torch.no_grad()
def _cpu_ms(net: nn.Module, picture: torch.Tensor, runs: int) -> float:
    times = []
    for _ in range(runs + 2):
        start = time.process_time()
        net(picture)
        times.append(1000 * (time.process_time() - start))
    return statistics.median(times[2:])


if __name__ == "__main__":
    main()
