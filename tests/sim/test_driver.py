"""The engine in the time of a clock, here one that is at a moment when somebody has slept until it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.sim.makers import a_request, steps_of
from thorexp.sim.driver import Driver
from thorexp.sim.engine import Request

S = 1_000_000_000


@dataclass
class Time:
    """A clock that runs only in sleep; `late_ns` later than was asked for; who sleeps may find that things happened."""

    now_ns: int = 0
    late_ns: int = 0
    happening: dict[int, Callable[[], None]] = field(default_factory=dict)

    def clock(self) -> int:
        """The present moment."""
        return self.now_ns

    async def sleep_until(self, due_ns: int) -> None:
        """What is to happen before it happens at its time."""
        for at_ns in sorted(at_ns for at_ns in self.happening if at_ns <= due_ns):
            self.now_ns = at_ns
            self.happening.pop(at_ns)()
        self.now_ns = max(self.now_ns, due_ns + self.late_ns)
        await asyncio.sleep(0)


@dataclass
class Scene:
    """A driver whose engine's steps take a second each, and when it began them and told of tokens, in ns."""

    time: Time = field(default_factory=Time)
    speedup: float = 1.0
    request_s: float = 0.0
    on_way_s: float = 0.0
    told: dict[Request, list[int]] = field(default_factory=dict)
    began: list[int] = field(default_factory=list)
    when_told: dict[Request, Callable[[], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.driver = Driver(
            steps_of().engine,
            self.time.clock,
            self.time.sleep_until,
            speedup=self.speedup,
            request_s=self.request_s,
            on_way_s=self.on_way_s,
            on_step=lambda: self.began.append(self.time.clock()),
        )

    def submit(self, request: Request) -> None:
        """Now."""
        self.told[request] = []
        self.driver.submit(request, self.tell)

    def tell(self, request: Request) -> None:
        """Now; who is told may do something at once."""
        self.told[request].append(self.time.clock())
        self.when_told.pop(request, lambda: None)()

    def play(self, *requests: Request, turns: int = 200) -> list[list[int]]:
        """These, submitted at once, for so many turns of the loop; when each got its tokens."""

        async def main() -> None:
            for request in requests:
                self.submit(request)
            running = asyncio.create_task(self.driver.run())
            for _ in range(turns):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait((running,))
            assert running.cancelled(), running

        asyncio.run(main())
        return list(self.told.values())


def test_a_token_is_told_at_the_end_of_its_step() -> None:
    """Three tokens at one, two and three seconds."""
    assert [[1 * S, 2 * S, 3 * S]] == Scene().play(a_request(4, 3))


def test_sped_up_a_step_is_shorter_by_the_clock() -> None:
    """A second of four in one is a quarter."""
    assert [[S // 4, S // 2]] == Scene(speedup=4.0).play(a_request(4, 2))


def test_a_request_is_on_its_way_first() -> None:
    """Half a second, sped up as all else."""
    assert [[(S // 2 + S) // 2]] == Scene(speedup=2.0, request_s=0.5).play(a_request(4))


def test_who_comes_within_a_step_waits_for_its_end() -> None:
    """At half a second of the first step: it is computed in the second, together with the first."""
    scene = Scene()
    scene.time.happening[S // 2] = lambda: scene.submit(a_request([9] * 4))
    assert [[1 * S, 2 * S], [2 * S]] == scene.play(a_request(4, 2))


def test_an_idle_engine_begins_when_somebody_comes() -> None:
    """At ten seconds, after a pause that no step filled."""

    async def main() -> None:
        scene = Scene()
        running = asyncio.create_task(scene.driver.run())
        await asyncio.sleep(0)
        scene.time.now_ns = 10 * S
        scene.submit(a_request(4))
        for _ in range(20):
            await asyncio.sleep(0)
        running.cancel()
        assert [[11 * S]] == list(scene.told.values())

    asyncio.run(main())


def test_who_is_cancelled_is_told_no_more() -> None:
    """Within the second step: of three tokens it got one, and its blocks are free."""
    scene, request = Scene(), a_request(4, 3)
    scene.time.happening[S * 3 // 2] = lambda: scene.driver.cancel(request)
    assert [[1 * S]] == scene.play(request)
    assert 0 == scene.driver.engine.blocks.used


def test_requests_are_taken_one_after_the_other() -> None:
    """Half a second each: the second is there when the first is in its step, and waits for the end of it."""
    assert [[S // 2 + 1 * S], [S // 2 + 2 * S]] == Scene(request_s=0.5).play(a_request(4), a_request([9] * 4))


def test_who_is_cancelled_on_its_way_never_arrives() -> None:
    """Its second on the way is spent; who comes after it is served."""
    scene, gone = Scene(request_s=1.0), a_request(4)
    scene.submit(gone)
    scene.driver.cancel(gone)
    assert [[], [1 * S + 1 * S + 1 * S]] == scene.play(a_request(4))


def test_who_is_finished_can_be_cancelled() -> None:
    """Which changes nothing."""
    scene, request = Scene(), a_request(4)
    told = scene.play(request)
    scene.driver.cancel(request)
    assert told == list(scene.told.values())


def test_what_never_fits_is_refused_at_once() -> None:
    """In the engine's words, and nothing of it is kept."""
    scene = Scene()
    with pytest.raises(ValueError, match="maximum context length"):
        scene.submit(a_request(100))
    assert [[], [1 * S]] == scene.play(a_request(4))


def test_steps_that_are_told_late_do_not_make_later_ones_late() -> None:
    """Each is told a tenth late, and none begins later for it."""
    scene = Scene(Time(late_ns=S // 10))
    assert [[(1 * S) + S // 10, (2 * S) + S // 10]] == scene.play(a_request(4, 2))


def test_the_pace_tells_how_late_steps_were() -> None:
    """Three steps of a second, each told a tenth late."""
    scene = Scene(Time(late_ns=S // 10))
    scene.play(a_request(4, 3))
    assert pytest.approx((3.0, 3 * 0.1)) == (scene.driver.pace.busy_s, scene.driver.pace.late_s)


def test_each_step_is_told_of_as_it_begins() -> None:
    """At nought, at one and at two seconds, when it is decided who is in it."""
    scene = Scene()
    scene.play(a_request(4, 3))
    assert [0, 1 * S, 2 * S] == scene.began


def test_who_is_cancelled_by_another_that_is_told_before_it_is_told_no_more() -> None:
    """Both have a token at one second; the first to be told cancels the second."""
    scene, first, second = Scene(), a_request(4, 2), a_request([9] * 4, 2)
    scene.when_told[first] = lambda: scene.driver.cancel(second)
    assert [[1 * S, 2 * S], []] == scene.play(first, second)


def test_who_cancels_itself_when_it_is_told_is_told_no_more() -> None:
    """After one token of three; the engine has nothing more to do."""
    scene, request = Scene(), a_request(4, 3)
    scene.when_told[request] = lambda: scene.driver.cancel(request)
    assert [[1 * S]] == scene.play(request)
    assert (False, 0) == (scene.driver.engine.busy, scene.driver.engine.blocks.used)


def test_who_comes_to_an_idle_engine_comes_when_it_comes() -> None:
    """A tenth of a second after the only one was finished: nobody was kept waiting for it."""
    scene, first, second = Scene(on_way_s=0.1), a_request(4), a_request([9] * 4)
    scene.when_told[first] = lambda: scene.time.happening.update({1 * S + S // 10: lambda: scene.submit(second)})
    assert [[1 * S], [2 * S + S // 10]] == scene.play(first)


def test_a_client_is_waited_for_after_a_request_is_finished() -> None:
    """Its next comes a twentieth of a second later: as if at once, it is in the next step, beside one that goes on."""
    scene = Scene(on_way_s=0.1)
    other, first, second = a_request([7] * 4, 3), a_request(4), a_request([9] * 4)
    scene.when_told[first] = lambda: scene.time.happening.update({1 * S + S // 20: lambda: scene.submit(second)})
    assert [[1 * S, 2 * S, 3 * S], [1 * S], [2 * S]] == scene.play(other, first)


def test_without_a_way_a_client_that_comes_later_waits_for_the_step() -> None:
    """A twentieth of a second after the step began, so that it is in the one after."""
    scene = Scene()
    other, first, second = a_request([7] * 4, 3), a_request(4), a_request([9] * 4)
    scene.when_told[first] = lambda: scene.time.happening.update({1 * S + S // 20: lambda: scene.submit(second)})
    assert [[1 * S, 2 * S, 3 * S], [1 * S], [3 * S]] == scene.play(other, first)


def test_who_comes_later_than_a_way_takes_has_not_come_at_once() -> None:
    """A fifth of a second after the other was finished, within the next step: it waits for the end of that."""
    scene = Scene(on_way_s=0.1)
    other, first, second = a_request([7] * 4, 3), a_request(4), a_request([9] * 4)
    scene.when_told[first] = lambda: scene.time.happening.update({1 * S + S // 5: lambda: scene.submit(second)})
    assert [[1 * S, 2 * S, 3 * S], [1 * S], [3 * S]] == scene.play(other, first)


def test_who_came_before_it_is_submitted_is_on_its_way_since_then() -> None:
    """Half a second ago, of the second that its way takes: its step of a second ends after two."""
    scene, request = Scene(Time(now_ns=S // 2), request_s=1.0), a_request(4)
    scene.told[request] = []
    scene.driver.submit(request, scene.tell, 0)
    assert [[1 * S + 1 * S]] == scene.play()
