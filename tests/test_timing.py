"""The clock tells waiting for data from training."""

import time

import pytest

from course_utils import Timer


def slow(batches: int, seconds: float):
    for batch in range(batches):
        time.sleep(seconds)
        yield batch


def test_waiting_is_the_time_inside_the_loader():
    with Timer() as timer:
        for _ in timer.batches(slow(4, 0.02)):
            time.sleep(0.02)
    assert timer.waiting >= 0.079  # a sleep may end a clock's tick early
    assert timer.seconds - timer.waiting >= 0.079
    assert timer.cpu_seconds < timer.seconds


def test_computing_is_not_waiting():
    with Timer() as timer:
        for _ in timer.batches(range(3)):
            sum(range(100_000))
    assert timer.waiting < timer.cpu_seconds


def test_times_only_grow_and_add_up():
    timer, seen = Timer(), []
    for _ in range(3):
        with timer:
            list(timer.batches(slow(1, 0.002)))
        seen.append((timer.seconds, timer.cpu_seconds, timer.waiting))
    assert seen == sorted(seen) and seen[2][2] >= 2 * 0.002
    assert all(seconds >= waiting for seconds, _, waiting in seen)


def test_batches_come_through_and_so_do_errors():
    def broken():
        yield 1
        raise OSError("image 7")

    timer, got = Timer(), []
    with pytest.raises(OSError, match="image 7"), timer:
        for batch in timer.batches(broken()):
            got.append(batch)
    assert got == [1] and timer.seconds > 0
