"""The header and the parameters of a C3D file, in any of the three byte orders it may have.

Source: the C3D user guide of c3d.org (parameter section, processor types 84 Intel, 85 DEC, 86 SGI/MIPS).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError

BLOCK = 512
INTEL, DEC, MIPS = 84, 85, 86
_KEY = 0x50
_CHARACTER, _BYTE, _INTEGER, _REAL = -1, 1, 2, 4


@dataclass(frozen=True, slots=True)
class ByteOrder:
    """How a processor of that type lays numbers out."""

    processor: int

    @property
    def endian(self) -> str:
        """Of integers, as NumPy writes it."""
        return ">" if self.processor == MIPS else "<"

    def uint16(self, raw: bytes | memoryview) -> np.ndarray:
        """Unsigned words."""
        return np.frombuffer(raw, f"{self.endian}u2")

    def int16(self, raw: bytes | memoryview) -> np.ndarray:
        """Signed words."""
        return np.frombuffer(raw, f"{self.endian}i2")

    def float32(self, raw: bytes | memoryview) -> Float[np.ndarray, " n"]:
        """Reals; those of DEC have their words swapped and an exponent that is two higher."""
        if self.processor != DEC:
            return np.frombuffer(raw, f"{self.endian}f4").astype(np.float64)
        swapped = np.frombuffer(raw, "<u2").reshape(-1, 2)[:, ::-1]
        return np.ascontiguousarray(swapped).view("<f4").ravel().astype(np.float64) / 4


@dataclass(frozen=True, slots=True)
class C3dHeader:
    """What the first block and the parameters say."""

    order: ByteOrder
    n_points: int
    n_analog: int
    """Numbers behind the points of each frame: channels times samples."""
    first_frame: int
    last_frame: int
    scale: float
    """Negative: the points are reals."""
    data_block: int
    """Where the frames begin, in blocks from 1."""
    rate: float
    parameters: Mapping[str, Mapping[str, np.ndarray | list[str]]]
    """By group and name, in capitals."""

    def texts(self, group: str, name: str) -> list[str]:
        """Strings, without blanks at their ends; [] where there is no such parameter."""
        value = self.parameters.get(group, {}).get(name, [])
        return value if isinstance(value, list) else []

    def numbers(self, group: str, name: str) -> np.ndarray:
        """Numbers, the first index fastest; empty where there is no such parameter."""
        value = self.parameters.get(group, {}).get(name)
        return value if isinstance(value, np.ndarray) else np.zeros(0)


def read_header(raw: bytes, path: Path) -> C3dHeader:
    """Refuses what is no C3D file, and a processor type that there never was."""
    start = (raw[0] - 1) * BLOCK if raw else -1
    if len(raw) < 2 * BLOCK or raw[1] != _KEY or start < 0 or len(raw) < start + BLOCK:
        raise FormatError(f"{path}: not a C3D file (its second byte is not 80). Needed: a .c3d file, whole.")
    processor = raw[start + 3]
    if processor not in (INTEL, DEC, MIPS):
        raise FormatError(f"{path}: found processor type {processor}. Needed: 84, 85 or 86. The file is damaged.")
    order = ByteOrder(processor)
    words = order.uint16(raw[:BLOCK])
    scale, rate = order.float32(raw[12:16])[0], order.float32(raw[20:24])[0]
    try:
        parameters = _parameters(raw[start : start + raw[start + 2] * BLOCK], order)
    except (IndexError, ValueError, KeyError) as error:
        raise FormatError(f"{path}: its parameters are damaged ({error}). Export it again.") from error
    return C3dHeader(
        order, int(words[1]), int(words[2]), int(words[3]), int(words[4]), scale, int(words[8]), rate, parameters
    )


def _parameters(raw: bytes, order: ByteOrder) -> dict[str, dict[str, np.ndarray | list[str]]]:
    """Records of groups and parameters in any order: a parameter may come before its group.

    Where the offset to the next record leads out of the section, as in an SGI file of the c3d.org suite whose offset
    has the bytes of a PC, the record's own length counts.
    """
    names: dict[int, str] = {}
    found: list[tuple[int, str, np.ndarray | list[str]]] = []
    at = 4
    while at + 4 <= len(raw) and raw[at] != 0:
        length, group = abs(_signed(raw[at])), _signed(raw[at + 1])
        name = raw[at + 2 : at + 2 + length].decode("latin-1").strip().upper()
        at_offset = at + 2 + length
        offset = int(order.int16(raw[at_offset : at_offset + 2])[0])
        if group < 0:
            names[-group] = name
        elif group > 0:
            found.append((group, name, _value(raw, at_offset + 2, order)))
        if offset <= 0:
            break
        at = at_offset + (offset if at_offset + offset < len(raw) else _length(raw, at_offset, is_group=group < 0))
    groups: dict[str, dict[str, np.ndarray | list[str]]] = {}
    for group, name, value in found:
        groups.setdefault(names.get(group, f"GROUP{group}"), {})[name] = value
    return groups


def _length(raw: bytes, at: int, *, is_group: bool) -> int:
    """Bytes from a record's offset to its end, by its content: value and description."""
    length = 2
    if not is_group:
        kind, n_dimensions = _signed(raw[at + 2]), raw[at + 3]
        shape = tuple(raw[at + 4 : at + 4 + n_dimensions])
        length += 2 + n_dimensions + abs(kind) * int(np.prod(shape, dtype=int))
    return length + 1 + raw[at + length]


def _value(raw: bytes, at: int, order: ByteOrder) -> np.ndarray | list[str]:
    kind, n_dimensions = _signed(raw[at]), raw[at + 1]
    shape = tuple(raw[at + 2 : at + 2 + n_dimensions])
    at += 2 + n_dimensions
    data = raw[at : at + abs(kind) * int(np.prod(shape, dtype=int))]
    if kind == _CHARACTER:
        width = shape[0] if shape else 1
        texts = [data[n : n + width] for n in range(0, len(data), width)] if width else []
        return [text.decode("latin-1").rstrip(" \0") for text in texts]
    read = {_BYTE: lambda raw: np.frombuffer(raw, "i1"), _INTEGER: order.int16, _REAL: order.float32}[kind]
    return read(data).reshape(shape, order="F")


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte
