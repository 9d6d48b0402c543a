"""Things made in a thread of their own, a few ahead of who uses them."""

import threading
from collections.abc import Generator, Iterable
from queue import Full, Queue
from typing import TypeVar

T = TypeVar("T")

_END = object()
_PATIENCE_S = 0.1


def read_ahead(source: Iterable[T], n: int = 4) -> Generator[T]:
    """The items of ``source`` in order, made in a thread, at most ``n`` waiting; its error is raised here in its place.

    FFmpeg and OpenCV let other threads run while they decode, so networks and decoding overlap.
    """
    waiting: Queue[object] = Queue(maxsize=n)
    stopped = threading.Event()
    errors: list[BaseException] = []

    def put(item: object) -> None:
        while not stopped.is_set():
            try:
                return waiting.put(item, timeout=_PATIENCE_S)
            except Full:
                continue
        return None

    def make() -> None:
        try:
            for item in source:
                put(item)
                if stopped.is_set():
                    return
        except BaseException as error:
            errors.append(error)
        finally:
            put(_END)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            yield item  # pyright: ignore[reportReturnType]
        if errors:
            raise errors[0]
    finally:
        stopped.set()
        thread.join()
