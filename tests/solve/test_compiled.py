"""Whether a kernel is compiled is told from numba's cache on disk."""

import importlib.util
import os

import pytest

from mocap3d.solve.compiled import is_compiled

SOURCE = "import numba\n\n\n@numba.njit(cache=True)\ndef doubled(x):\n    return 2 * x\n"


@pytest.fixture
def kernel(tmp_path):
    path = tmp_path / "fresh_kernel.py"
    path.write_text(SOURCE, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("fresh_kernel", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.doubled


def test_a_kernel_is_compiled_once_it_has_run(kernel):
    assert not is_compiled(kernel)
    assert kernel(2.0) == 4.0
    assert is_compiled(kernel)


def test_a_changed_source_is_to_be_compiled_again(kernel, tmp_path):
    kernel(2.0)
    later_s = (tmp_path / "fresh_kernel.py").stat().st_mtime + 10
    os.utime(tmp_path / "fresh_kernel.py", (later_s, later_s))
    assert not is_compiled(kernel)


def test_without_numba_nothing_is_to_be_compiled():
    assert is_compiled(lambda x: x)
