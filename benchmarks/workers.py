"""The parent's half of a measurement: a child process of either environment that takes jobs and gives back points."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from jobs import DONE
from peers import peers_python

HERE = Path(__file__).parent
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
    "MPLBACKEND": "Agg",
    "PYTHONWARNINGS": "ignore",
}
"""Methods differ in how well they spread over cores; CPU time of one thread compares their work."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What one job gave."""

    p_in_world: np.ndarray
    """(t k 3)"""
    cpu_s: tuple[float, ...]
    """One per call; likewise the wall time."""
    wall_s: tuple[float, ...]
    peak_bytes: int
    """Of the whole process so far, imports included."""


@dataclass(frozen=True, slots=True, eq=False)
class Worker:
    """A child process that runs one job after another; see :func:`start_worker`."""

    child: subprocess.Popen[str]
    words: IO[str]
    """What the child writes to stderr."""

    def run(self, method: str, settings: Mapping[str, object], workload: Path, *, calls: int = 1) -> Measured:
        """Blocks until the job is done; raises with the child's own words if it died of it."""
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "result.npz"
            job = {"method": method, "settings": settings, "workload": str(workload), "calls": calls, "out": str(out)}
            print(json.dumps(job), file=self.child.stdin, flush=True)
            if not any(line.strip() == DONE for line in self.child.stdout or ()):
                self.child.wait()
                self.words.seek(0)
                raise RuntimeError(f"{method} with {settings} failed:\n{self.words.read()[-2000:]}")
            with np.load(out) as data:
                cpu_s, wall_s = (tuple(data[name].tolist()) for name in ("cpu_s", "wall_s"))
                return Measured(data["p_in_world"], cpu_s, wall_s, int(data["peak_bytes"]))


@contextmanager
def start_worker(whose: str) -> Iterator[Worker]:
    """A worker of "ours" or of the "peers", each in its environment; ends with the block."""
    python, script = (peers_python(), "peer_worker.py") if whose == "peers" else (sys.executable, "own_worker.py")
    command, pipe = [str(python), str(HERE / script)], subprocess.PIPE
    with (
        tempfile.TemporaryFile("w+") as words,
        subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=words, text=True, env=os.environ | ONE_THREAD
        ) as child,
    ):
        try:
            yield Worker(child, words)
        except BaseException:
            child.kill()  # leaving the block waits for the child, which may have minutes to go
            raise
