"""A simulated server on a real socket, and a real client, on one event loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from tests.sim.makers import SPEC
from thorexp.serve.metrics_page import totals
from thorexp.sim.server import SimServer
from thorexp.sim.spec import SimSpec

T = TypeVar("T")


@dataclass(frozen=True)
class Client:
    """Asks one server."""

    session: aiohttp.ClientSession
    url: str

    async def post(self, path: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON of an answer that is not streamed; bytes are sent as they are."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(self.url + path, data=sent) as response:
            return response.status, json.loads(await response.read())

    async def get(self, path: str) -> str:
        """The body."""
        async with self.session.get(self.url + path) as response:
            assert 200 == response.status
            return await response.text()

    async def stream(self, path: str, body: Mapping[str, Any]) -> list[str]:
        """The data of each message of a stream."""
        async with self.session.post(self.url + path, json={"stream": True, **body}) as response:
            assert (200, "text/event-stream") == (response.status, response.content_type)
            text = await response.text()
        assert text.endswith("\n\n")
        return [message.removeprefix("data: ") for message in text.removesuffix("\n\n").split("\n\n")]

    async def chunks(self, path: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The messages of a stream, without the [DONE] that must be the last."""
        *messages, last = await self.stream(path, body)
        assert "[DONE]" == last
        return [json.loads(message) for message in messages]

    async def metrics(self) -> Mapping[str, float]:
        """Each sample of the page by its name."""
        return totals(await self.get("/metrics"))

    async def until(self, holds: Callable[[Mapping[str, float]], bool]) -> Mapping[str, float]:
        """The metrics, once this holds of them."""
        async with asyncio.timeout(60.0):
            while not holds(metrics := await self.metrics()):
                await asyncio.sleep(0.01)
        return metrics


@asynccontextmanager
async def serving(spec: SimSpec) -> AsyncIterator[Client]:
    """One that listens."""
    server = SimServer(spec)
    running = asyncio.create_task(server.driver.run())
    runner = await server.listen("127.0.0.1", 0)
    host, port = runner.addresses[0][:2]
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(session, f"http://{host}:{port}")
    finally:
        await runner.cleanup()
        running.cancel()
        await asyncio.wait((running,))
        assert running.cancelled(), running


def with_server(scene: Callable[[Client], Awaitable[T]], spec: SimSpec = SPEC) -> T:
    """What the scene says, played against a server of its own."""

    async def main() -> T:
        async with serving(spec) as client:
            return await scene(client)

    return asyncio.run(main())
