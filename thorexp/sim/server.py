"""A simulated engine behind vLLM's HTTP API."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from thorexp.sim.answers import Answers
from thorexp.sim.asked import RefusedError, json_of, prompt_tokens
from thorexp.sim.driver import Clock, Driver
from thorexp.sim.ledger import Ledger
from thorexp.sim.messages import encoded, error, models
from thorexp.sim.metrics_page import MetricsPage
from thorexp.sim.sleep import sleep_until
from thorexp.sim.spec import MODELLED, SimSpec
from thorexp.sim.tokenizer import detokenized

MOST_BODY = 1 << 28
BACKLOG = 4096
SHUTDOWN_S = 0.2
ON_WAY_S = 0.002  # of a prompt of 2,048 token ids, on a machine of two cores

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SimServer:
    """What its endpoints share."""

    def __init__(self, spec: SimSpec, clock: Clock = time.monotonic_ns) -> None:
        self._spec = spec
        self._created = int(time.time())  # a label, which the API wants in Unix seconds
        self._page = MetricsPage(spec.name)
        self._ledger = Ledger(clock, self._page.observe, speedup=spec.speedup)
        self.driver = Driver(
            spec.engine(),
            clock,
            lambda due_ns: sleep_until(due_ns, clock),
            speedup=spec.speedup,
            request_s=spec.request_s,
            on_way_s=ON_WAY_S,
            on_step=self._step_began,
        )
        self._answers = Answers(spec.name, self.driver, self._ledger, clock)
        self._page.count(self.driver.engine, self._ledger, self.driver.pace)

    async def listen(self, host: str, port: int) -> web.AppRunner:
        """Serve there until the runner is cleaned up; a client that goes away takes its request with it."""
        runner = web.AppRunner(
            self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S, keepalive_timeout=75.0
        )
        await runner.setup()
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        return runner

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=MOST_BODY, middlewares=[_refusing])
        app.router.add_get("/health", self._health)
        app.router.add_get("/version", self._version)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/completions", self._answers.completion)
        app.router.add_post("/v1/chat/completions", self._answers.chat)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/detokenize", self._detokenize)
        app.router.add_post("/reset_prefix_cache", self._reset_prefix_cache)
        return app

    def _step_began(self) -> None:
        self._ledger.step_began(self.driver.engine.waiting)

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _version(self, _: web.Request) -> web.Response:
        return _json({"version": f"{MODELLED}+simulated", "speedup": float(self._spec.speedup)})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._page.text(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def _models(self, _: web.Request) -> web.Response:
        return _json_bytes(models(self._spec.name, self._created, self._spec.limits.max_model_len))

    async def _tokenize(self, asking: web.Request) -> web.Response:
        tokens = prompt_tokens(json_of(await asking.read(), self._spec.name))
        most = self._spec.limits.max_model_len
        return _json({"count": len(tokens), "max_model_len": most, "tokens": tokens, "token_strs": None})

    async def _detokenize(self, asking: web.Request) -> web.Response:
        tokens = prompt_tokens({"prompt": json_of(await asking.read(), self._spec.name).get("tokens")})
        return _json({"prompt": detokenized(tokens)})

    async def _reset_prefix_cache(self, _: web.Request) -> web.Response:
        return _json({"success": self.driver.engine.blocks.reset()})


@web.middleware
async def _refusing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What is refused is answered in vLLM's shape."""
    try:
        return await handler(request)
    except RefusedError as no:
        return _json_bytes(error(no.words, no.kind, no.status, no.param), no.status)


def _json(value: object) -> web.Response:
    return _json_bytes(encoded(value))


def _json_bytes(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")
