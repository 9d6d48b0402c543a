"""Pickles as Python 2 and numpy 1 wrote them: byte strings for text and data, and the module names of then.

Python 3's own pickler writes none such. Source of the opcodes: the standard library's ``pickletools``.
"""

import struct
from typing import Any

import numpy as np

_PROTOCOL_2, _STOP = b"\x80\x02", b"."
_RECONSTRUCT, _NDARRAY, _DTYPE = b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n"
_MARK, _TUPLE, _REDUCE, _BUILD, _NONE, _FALSE = b"(", b"t", b"R", b"b", b"N", b"\x89"


def python2_pickle(content: Any) -> bytes:
    """Dictionaries, lists, text, whole numbers and arrays, as ``cPickle.dump(content, file, 2)`` gave them."""
    return _PROTOCOL_2 + _pickled(content) + _STOP


def _pickled(content: Any) -> bytes:
    if isinstance(content, dict):
        items = b"".join(_pickled(key) + _pickled(value) for key, value in content.items())
        return b"}" + _MARK + items + b"u"
    if isinstance(content, list):
        return b"]" + _MARK + b"".join(map(_pickled, content)) + b"e"
    if isinstance(content, str):
        return _text(content.encode("latin1"))
    if isinstance(content, int):
        return _number(content)
    if isinstance(content, np.ndarray):
        return _array(np.ascontiguousarray(content))
    raise TypeError(f"3DPW has no {type(content).__name__}")


def _text(content: bytes) -> bytes:
    """BINSTRING: Python 3 reads it only when told an encoding."""
    return b"T" + struct.pack("<i", len(content)) + content


def _number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _tuple(*parts: bytes) -> bytes:
    return _MARK + b"".join(parts) + _TUPLE


def _array(array: np.ndarray) -> bytes:
    """An empty array, and the state that fills it: version, shape, type, order of axes, bytes."""
    kind = _text(array.dtype.str[1:].encode())
    order = _text(array.dtype.str[:1].encode())
    dtype = _DTYPE + _tuple(kind, _number(0), _number(1)) + _REDUCE
    dtype += _tuple(_number(3), order, _NONE, _NONE, _NONE, _number(-1), _number(-1), _number(0)) + _BUILD
    empty = _RECONSTRUCT + _tuple(_NDARRAY, _tuple(_number(0)), _text(b"b")) + _REDUCE
    shape = _tuple(*map(_number, array.shape))
    return empty + _tuple(_number(1), shape, dtype, _FALSE, _text(array.tobytes())) + _BUILD
