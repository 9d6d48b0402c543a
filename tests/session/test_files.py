"""A file is wholly there or not at all."""

import os
import sys

import pytest

from mocap3d.errors import SessionError
from mocap3d.session.files import write_atomically, write_text, write_text_atomically, written_aside


def test_text_and_bytes_arrive(tmp_path):
    write_text(tmp_path / "new" / "a.txt", "größe\n")
    with write_text_atomically(tmp_path / "b.txt") as file:
        file.write("one\n")
        file.write("two\n")
    with write_atomically(tmp_path / "c.bin") as file:
        file.write(b"\x00\r\n")
    with written_aside(tmp_path / "d.npz") as aside:
        assert aside.suffix == ".npz"  # numpy would append it otherwise
        aside.write_bytes(b"d")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "größe\n".encode()
    assert (tmp_path / "b.txt").read_bytes() == b"one\ntwo\n"
    assert (tmp_path / "c.bin").read_bytes() == b"\x00\r\n"
    assert (tmp_path / "d.npz").read_bytes() == b"d"


@pytest.mark.parametrize("write", [write_atomically, write_text_atomically])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, write):
    path = tmp_path / "a.trc"
    path.write_text("old", encoding="utf-8")

    def interrupted():
        with write(path) as file:
            file.write("half" if write is write_text_atomically else b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_appears_only_when_complete(tmp_path):
    path = tmp_path / "a.trc"
    with write_text_atomically(path) as file:
        file.write("x" * 100_000)
        assert not path.exists()
    assert path.stat().st_size == 100_000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
def test_others_may_read_it_as_any_file(tmp_path):
    write_text(tmp_path / "a.txt", "a")
    (tmp_path / "b.txt").write_text("b", encoding="utf-8")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_no_folder_to_write_into_is_explained(tmp_path):
    (tmp_path / "results").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(SessionError, match=r"points\.npz could not be written.*writable folder"):
        write_text(tmp_path / "results" / "points.npz", "")


def test_a_folder_in_the_way_is_explained(tmp_path):
    (tmp_path / "a.trc").mkdir()
    with pytest.raises(SessionError, match="could not be written"):
        write_text(tmp_path / "a.trc", "")
    assert os.listdir(tmp_path) == ["a.trc"]
