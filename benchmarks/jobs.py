"""The child's half of a measurement: jobs come as JSON lines on stdin, results go to files.

Meets numpy alone, because both environments run it. CPU time is the process's own, over all its threads, of the calls
alone: imports, reading the workload and preparing the method (which compiles just-in-time code) are not in it.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np

DONE = "job done"
Method = Callable[[], np.ndarray]
Prepare = Callable[[Mapping[str, np.ndarray], dict], Method]
"""From the workload's arrays and the settings: a call without arguments that gives points (t k 3)."""


def serve(methods: Mapping[str, Prepare]) -> None:
    """Runs every job of stdin; says so after each, because the peers print too."""
    for line in sys.stdin:
        _run(methods, json.loads(line))
        print(f"\n{DONE}", flush=True)


def _run(methods: Mapping[str, Prepare], job: dict) -> None:
    """Points and the times of every call, to the file that the job names."""
    with np.load(job["workload"]) as data:
        method = methods[job["method"]](data, job["settings"])
    cpu_s, wall_s, p_in_world = [], [], None
    for _ in range(job["calls"]):
        cpu, wall = time.process_time(), time.perf_counter()
        p_in_world = method()
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    np.savez(job["out"], p_in_world=np.asarray(p_in_world), cpu_s=cpu_s, wall_s=wall_s, peak_bytes=peak_bytes)
