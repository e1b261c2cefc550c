"""Reads the sensors of one source at a steady rate, in a thread of its own."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.machine.waiting import until
from thorexp.machine.loop import Loop, next_due_ns
from thorexp.machine.source import AbsentError, Row, Sensor, Source


class Counting:
    """A sensor that says how often it was read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    def read(self) -> list[Row]:
        self.count += 1
        return [(time.monotonic_ns(), self.name, float(self.count))]


class Hanging(Counting):
    """A sensor whose read does not return until it is let go."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.let_go = threading.Event()

    def read(self) -> list[Row]:
        self.let_go.wait()
        return super().read()


class Ending:
    """A sensor that is over when it is first read."""

    name = "ending"

    def read(self) -> list[Row]:
        raise AbsentError("it ended")


class EndingWithStop(Counting):
    """A sensor that answers so many times, and whose next read waits for `stop` and raises."""

    def __init__(self, answers: int, ended: Exception, stop: threading.Event) -> None:
        super().__init__("ending with stop")
        self.answers, self.ended, self.stop = answers, ended, stop
        self.has_ended = False

    def read(self) -> list[Row]:
        if self.count < self.answers:
            return super().read()
        self.stop.wait()
        self.has_ended = True
        raise self.ended


class Breaking(Counting):
    """A sensor whose library raises what nobody expects, from its second read on."""

    def read(self) -> list[Row]:
        if self.count == 1:
            raise ValueError("the driver said -1 MHz")
        return super().read()


@contextmanager
def looping(*sensors: Sensor, interval_s: float = 0.01, patience_s: float = 30.0) -> Iterator[tuple[Loop, deque[Row]]]:
    """A loop over these, and its rows."""
    rows: deque[Row] = deque()
    stop = threading.Event()
    loop = Loop(Source("source", interval_s, lambda: sensors, patience_s), rows, stop)
    loop.start()
    try:
        yield loop, rows
    finally:
        stop.set()


def names(rows: "deque[Row]") -> set[str]:
    return {name for _, name, _ in tuple(rows)}


@pytest.mark.parametrize(
    ("now_ns", "due_ns"), [(1000, 1100), (1099, 1100), (1100, 1200), (1350, 1400), (990, 1100), (1400, 1500)]
)
def test_ticks_that_were_slept_over_are_left_out(now_ns: int, due_ns: int) -> None:
    """The grid of 100 ns from 1000 on stays as it is."""
    assert due_ns == next_due_ns(1000, now_ns, 100)


def test_without_an_interval_the_next_read_is_due_at_once() -> None:
    """It waits by itself."""
    assert 1234 == next_due_ns(1000, 1234, 0)


def test_every_sensor_is_read_again_and_again() -> None:
    """Each gives its rows in the order of its reads."""
    with looping(Counting("a"), Counting("b")) as (loop, rows):
        assert until(lambda: len(rows) >= 6)
    assert ([1.0, 2.0, 3.0], None) == ([value for _, name, value in tuple(rows) if name == "b"][:3], loop.absent)


def test_a_hanging_sensor_is_left_alone_and_the_others_are_read_on() -> None:
    """And it is said that it hangs."""
    with looping(Counting("a"), hanging := Hanging("b"), Counting("c"), patience_s=0.05) as (loop, rows):
        rests: list[Loop] = []

        def has_rest() -> bool:
            rests.extend(rest for rest in [loop.without_hanging()] if rest is not None)
            return bool(rests)

        assert until(has_rest)
        rows.clear()
        rests[0].start()
        assert until(lambda: len(rows) >= 4)
        assert ({"a", "c"}, "b did not answer for 0.05 s") == (names(rows), loop.absent)
        hanging.let_go.set()


def test_a_sensor_that_answers_after_all_is_read_on_alone() -> None:
    """By the loop that it kept; the others were handed on."""
    with looping(hanging := Hanging("a"), Counting("b"), patience_s=0.05) as (loop, rows):
        assert until(lambda: loop.without_hanging() is not None)
        hanging.let_go.set()
        assert until(lambda: len(rows) >= 3)
    assert {"a"} == names(rows)


def test_a_loop_whose_only_sensor_hangs_has_no_rest() -> None:
    """It is said all the same."""
    with looping(hanging := Hanging("a"), patience_s=0.05) as (loop, _):
        assert until(lambda: loop.without_hanging() is None and loop.absent == "a did not answer for 0.05 s")
        hanging.let_go.set()


def test_a_source_that_cannot_be_looked_for_is_said_to_hang() -> None:
    """Its search has a thread of its own, too."""
    let_go = threading.Event()

    def find() -> list[Sensor]:
        let_go.wait()
        return []

    loop = Loop(Source("source", 0.01, find, 0.05), deque(), stop := threading.Event())
    loop.start()
    assert until(lambda: loop.without_hanging() is None and loop.absent == "source did not answer for 0.05 s")
    stop.set()
    let_go.set()


def test_a_source_that_has_nothing_says_why() -> None:
    """In the words of who looked for it."""

    def find() -> list[Sensor]:
        raise AbsentError("no such thing here")

    loop = Loop(Source("source", 0.01, find), deque(), threading.Event())
    loop.start()
    assert until(lambda: loop.absent == "source: no such thing here")


def test_a_sensor_that_ends_says_why() -> None:
    """And nothing is read any more."""
    with looping(Ending()) as (loop, _):
        assert until(lambda: loop.absent == "source: it ended")


def stopped(answers: int, ended: Exception) -> tuple[Loop, list[float]]:
    """A loop that was told to stop once its only sensor had answered so many times, and the values of its rows."""
    stop, rows = threading.Event(), deque[Row]()
    sensor = EndingWithStop(answers, ended, stop)
    loop = Loop(Source("source", 0.01, lambda: [sensor], to_the_end=True), rows, stop)
    loop.start()
    assert until(lambda: len(rows) == answers)
    stop.set()
    loop.finish(30.0)
    assert until(lambda: sensor.has_ended)
    return loop, [value for _, _, value in rows]


@pytest.mark.parametrize("ended", [AbsentError("it ended"), ValueError("no pipe")], ids=repr)
def test_a_source_that_ends_when_it_was_told_to_stop_is_not_absent(ended: Exception) -> None:
    """It had answered, and its rows are kept."""
    loop, values = stopped(2, ended)
    assert (None, [1.0, 2.0]) == (loop.absent, values)


@pytest.mark.parametrize(
    ("ended", "why"),
    [(AbsentError("it ended"), "it ended"), (ValueError("no pipe"), "broke off, ValueError: no pipe")],
    ids=["ends", "breaks"],
)
def test_a_source_that_never_answered_says_why_though_it_was_told_to_stop(ended: Exception, why: str) -> None:
    """That there is nothing of it is not because it had to stop."""
    loop, values = stopped(0, ended)
    assert (f"source: {why}", []) == (loop.absent, values)


def test_a_sensor_that_breaks_is_absent_in_words_though_it_had_answered() -> None:
    """With what was raised; its rows before are kept."""
    with looping(Breaking("a")) as (loop, rows):
        assert until(lambda: loop.absent == "source: broke off, ValueError: the driver said -1 MHz")
    assert [1.0] == [value for _, _, value in rows]


def test_a_sensor_that_breaks_ends_its_source() -> None:
    """What comes behind it is read no more either, for the source is said to be absent."""
    with looping(Breaking("a"), behind := Counting("b")) as (loop, _):
        assert until(lambda: loop.absent is not None)
        time.sleep(0.05)
    assert 1 == behind.count


def test_a_source_that_breaks_while_it_is_looked_for_is_absent_in_words() -> None:
    """As when a library cannot be imported."""

    def find() -> list[Sensor]:
        raise ImportError("no such library")

    loop = Loop(Source("source", 0.01, find), deque(), threading.Event())
    loop.start()
    assert until(lambda: loop.absent == "source: broke off, ImportError: no such library")


def test_the_first_read_is_made_at_once() -> None:
    """Whatever the interval."""
    with looping(Counting("a"), interval_s=3600.0) as (_, rows):
        assert until(lambda: len(rows) == 1)


def test_a_source_that_is_read_to_the_end_has_a_last_read() -> None:
    """Once it is told to stop, and without waiting for its interval."""
    rows: deque[Row] = deque()
    loop = Loop(Source("source", 3600.0, lambda: [Counting("a")], to_the_end=True), rows, stop := threading.Event())
    loop.start()
    assert until(lambda: len(rows) == 1)
    stopped_ns = time.monotonic_ns()
    stop.set()
    loop.finish(30.0)
    first, last = (ns for ns, _, _ in rows)
    assert first < stopped_ns < last


def test_a_last_read_that_hangs_is_not_waited_for() -> None:
    """For longer than was said."""
    hanging = Hanging("a")
    loop = Loop(Source("source", 0.01, lambda: [hanging], to_the_end=True), deque(), stop := threading.Event())
    loop.start()
    stop.set()
    loop.finish(0.01)
    assert 0 == hanging.count
    hanging.let_go.set()


def test_a_source_that_never_had_a_reading_says_so() -> None:
    """It is there, and yet absent."""
    with looping() as (loop, _):
        assert "source gave no reading" == loop.absent
