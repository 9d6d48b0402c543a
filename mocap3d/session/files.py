"""Files that are either wholly there or not at all: written aside, synced, then moved into place."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from mocap3d.errors import SessionError


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path beside ``path``, of its suffix, for a library that writes by file name; moved onto ``path`` at the end.

    After an error inside the block ``path`` is as it was before, and nothing is left behind.
    """
    aside = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        _sync(aside)
        os.replace(aside, path)
        _sync(path.parent)
    except OSError as error:
        raise SessionError(
            f"{path} could not be written ({error.strerror or error}). Needed: a writable folder with free space, "
            "and no other program that holds the file open. Make room or close it, and run again."
        ) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


@contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of ``path`` only if the block ends well."""
    with written_aside(path) as aside, aside.open("wb") as file:
        yield file


@contextmanager
def write_text_atomically(path: Path) -> Iterator[TextIO]:
    """As :func:`write_atomically`, for text: UTF-8, and ``\\n`` ends a line on every system."""
    with write_atomically(path) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="\n")
        yield text
        text.flush()
        text.detach()  # or closing the wrapper would close the file under write_atomically


def write_text(path: Path, text: str) -> None:
    """The whole of a text file in one go."""
    with write_text_atomically(path) as file:
        file.write(text)


def check_replaceable(paths: Iterable[Path]) -> None:
    """SessionError that names the files which another program holds open, before the first of several is replaced.

    Windows refuses to rename such a file, even onto itself; elsewhere that does nothing.
    """
    held = []
    for path in paths:
        try:
            os.replace(path, path)
        except FileNotFoundError:
            continue
        except PermissionError:
            held.append(str(path))
    if held:
        raise SessionError(
            f"{', '.join(held)} cannot be replaced: open in another program, or not yours to change. Nothing was "
            "changed. Close it there, and run again."
        )


def _sync(path: Path) -> None:
    """Waits until the disk has it: a power cut must not leave an empty file under the final name."""
    if os.name == "nt":  # Windows syncs no read-only handle and opens no folder
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
