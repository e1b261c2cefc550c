"""A load played in virtual time: by the same player, on a simulated engine, without a server."""

import asyncio
import json

from thorexp.asking import target_of
from thorexp.load.exchange import Exchange
from thorexp.load.generator import until_over
from thorexp.load.patience import Timeouts, deadline, look_again_s
from thorexp.load.performance import Performance
from thorexp.load.sleep import sleep_until
from thorexp.load.sse import Stream
from thorexp.load.stop import Stopper
from thorexp.load.target import Target
from thorexp.load.virtual_time import VirtualLoop
from thorexp.measure.records import RunRecord
from thorexp.prepare import PreparedJob
from thorexp.sim.driver import Driver
from thorexp.sim.engine import Engine, Request, request_of
from thorexp.sim.spec import SimSpec
from thorexp.simulation import check_predictable


def predict(job: PreparedJob, spec: SimSpec) -> tuple[RunRecord, Engine]:
    """What a cold server of that kind does with the load, and the engine as it is then. Times begin at 0.

    Chats are asked as completions of the same tokens, without a template. ConfigError for texts, whose tokens only a
    tokenizer can count.
    """
    check_predictable(job.config, job.plan)
    engine, loop = spec.engine(), VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(_play(job, spec, engine, loop)), engine


async def _play(job: PreparedJob, spec: SimSpec, engine: Engine, loop: VirtualLoop) -> RunRecord:
    clock = loop.now_ns
    driver = Driver(engine, clock, lambda due_ns: sleep_until(due_ns, clock), request_s=spec.request_s)
    timeouts = target_of(job.config.endpoint, "", "").timeouts
    target = Target("http://virtual", spec.name, stream=job.config.endpoint.stream, timeouts=timeouts)
    performance = Performance(job.plan, target, _Client(driver, loop, timeouts), clock)
    looks = []
    if job.stop_when.is_set:
        looks.append(Stopper(job.stop_when, performance.begun, performance.total).reason)
    stopped = await until_over(performance, looks, driver.run())
    end_ns = clock()
    return RunRecord(0, end_ns, tuple(performance.records(end_ns, stopped)), performance.stages(), stopped=stopped)


class _Client:
    """Asks the engine itself, in token ids."""

    def __init__(self, driver: Driver, loop: VirtualLoop, timeouts: Timeouts) -> None:
        self._driver = driver
        self._loop = loop
        self._timeouts = timeouts
        self._sent_ns = -1

    async def send(self, exchange: Exchange) -> None:
        """What the engine refuses is written into it, as it comes from vLLM, and so is what took too long."""
        asked = json.loads(exchange.body)
        request = request_of(asked["prompt"], asked["max_tokens"])
        token_ns: list[int] = []
        ended = self._loop.create_future()

        def stamp(told: Request) -> None:
            token_ns.append(self._loop.now_ns())
            exchange.reads[:] = [(token_ns[-1], b"")]
            if told.finished:
                ended.set_result(None)

        self._sent_ns = exchange.sent_ns = max(self._loop.now_ns(), self._sent_ns + 1)  # one after the other
        try:
            self._driver.submit(request, stamp)
        except ValueError as refused:
            exchange.error = f"HTTP 400 Bad Request: {refused}"
            return
        try:
            exchange.error = await self._too_late(exchange, ended)
        finally:
            self._driver.cancel(request)
        exchange.answer(_answer(request, tuple(token_ns) if exchange.streamed else tuple(token_ns[-1:])))

    async def _too_late(self, exchange: Exchange, ended: "asyncio.Future[None]") -> str | None:
        """What did not come in time; absent once it has ended."""
        begun_ns = self._loop.now_ns()
        while not ended.done():
            now_ns = self._loop.now_ns()
            due = deadline(exchange, begun_ns, self._timeouts)
            if due is not None and due.at_ns <= now_ns:
                return f"TimeoutError: {due.words}"
            await asyncio.wait((ended,), timeout=look_again_s(due, now_ns, self._timeouts))
        return None


def _answer(request: Request, token_ns: tuple[int, ...]) -> Stream:
    return Stream(
        token_ns=token_ns,
        text="",
        input_tokens=request.prompt_len,
        output_tokens=request.generated,
        finish_reason="length",
        error=None,
        token_ids=tuple(request.tokens[request.prompt_len :]),
    )
