"""Completions and chats: asked of the engine, and told to the client."""

import time
import uuid

from aiohttp import web

from thorexp.sim.asked import Asked, RefusedError, asked_of, json_of
from thorexp.sim.driver import Clock, Driver
from thorexp.sim.engine import Request, request_of
from thorexp.sim.ledger import Ledger
from thorexp.sim.messages import Answer, whole
from thorexp.sim.telling import Gathered, Streamed, Telling

EVENT_STREAM = {"Content-Type": "text/event-stream; charset=utf-8"}


class Answers:
    """Of one engine, to those who ask for the model of that name.

    They are always as long as asked for, with `ignore_eos` and without: the simulation has no end of a text.
    """

    def __init__(self, name: str, driver: Driver, ledger: Ledger, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._driver = driver
        self._ledger = ledger

    async def completion(self, asking: web.Request) -> web.StreamResponse:
        """POST /v1/completions; RefusedError for what it cannot serve."""
        return await self._answer(asking, chat=False)

    async def chat(self, asking: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions; RefusedError for what it cannot serve."""
        return await self._answer(asking, chat=True)

    async def _answer(self, asking: web.Request, *, chat: bool) -> web.StreamResponse:
        came_ns = self._clock()
        limits = self._driver.engine.limits
        room = min(limits.max_model_len, limits.num_blocks * limits.block_size)
        asked = asked_of(json_of(await asking.read(), self._name), chat=chat, room=room)
        request = request_of(asked.prompt, asked.max_tokens)
        if (why := self._driver.engine.refusal(request)) is not None:
            raise RefusedError(why)
        answer = self._answer_to(asked, chat=chat)
        if not asked.streamed:
            await self._serve(request, Gathered(), came_ns)
            told = whole(answer, request.tokens[request.prompt_len :])
            return web.Response(body=told, content_type="application/json")
        response = web.StreamResponse(headers=EVENT_STREAM)
        response.enable_chunked_encoding()
        await response.prepare(asking)
        if asking.transport is not None:
            await self._serve(request, Streamed(asking.transport, answer), came_ns)
        await response.write_eof()
        return response

    def _answer_to(self, asked: Asked, *, chat: bool) -> Answer:
        return Answer(
            identity=f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            chat=chat,
            model=self._name,
            created=int(time.time()),  # a label, which the API wants in Unix seconds
            prompt_len=len(asked.prompt),
            max_tokens=asked.max_tokens,
            with_ids=asked.with_ids,
            with_usage=asked.with_usage,
        )

    async def _serve(self, request: Request, telling: Telling, came_ns: int) -> None:
        """Until its last token; given up before, nothing of it is left in the engine."""

        def on_token(request: Request) -> None:
            self._ledger.told(request)
            telling.tell(request)

        self._ledger.arrived(request)
        self._driver.submit(request, on_token, came_ns)
        try:
            await telling.ended()
        finally:
            self._driver.cancel(request)
            self._ledger.dropped(request)
