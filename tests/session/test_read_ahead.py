"""Things made in a thread: the same things in the same order, the same error in the same place, and an end to it."""

import threading

import pytest

from mocap3d.session.read_ahead import read_ahead


def test_everything_comes_in_order():
    assert list(read_ahead(range(50), 3)) == list(range(50))
    assert list(read_ahead([])) == []


def test_an_error_comes_after_what_was_made_before_it():
    def failing():
        yield from (1, 2)
        raise ValueError("no third one")

    items = read_ahead(failing())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="no third one"):
        next(items)


def test_no_more_is_made_than_waits():
    """Two wait, one is in the reader's hand, and one in the maker's."""
    made, enough = [], threading.Event()

    def making():
        for n in range(100):
            made.append(n)
            if n == 3:
                enough.set()
            yield n

    items = read_ahead(making(), 2)
    assert next(items) == 0
    assert enough.wait(5)
    assert max(made) <= 3
    items.close()


def test_closing_ends_the_thread_and_the_source():
    ended = threading.Event()

    def making():
        try:
            yield from range(1000)
        finally:
            ended.set()

    before = threading.active_count()
    items = read_ahead(making(), 1)
    next(items)
    items.close()
    del items
    assert threading.active_count() == before
    assert ended.wait(5)
