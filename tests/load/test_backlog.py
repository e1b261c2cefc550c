"""Answers wait to be decoded, but not without end."""

import asyncio

import pytest

from thorexp.load import backlog
from thorexp.load.backlog import Backlog
from thorexp.load.exchange import Exchange


def an_exchange(reads: int) -> Exchange:
    """It has ended, with so many reads that say nothing."""
    return Exchange(0, b"", 0, reads=[(i, b": still here\n\n") for i in range(reads)], ended_ns=reads)


def test_the_oldest_are_decoded_while_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 4, 4 and 4 reads, where 8 may be kept, the first four go."""
    monkeypatch.setattr(backlog, "MOST_READS", 8)
    exchanges = [an_exchange(4) for _ in range(3)]

    async def fill() -> None:
        waiting = Backlog()
        reducing = asyncio.create_task(waiting.reduce())
        for exchange in exchanges:
            waiting.add(exchange)
        while len(exchanges[0].reads) > 2:
            await asyncio.sleep(0.001)
        reducing.cancel()

    asyncio.run(fill())
    assert [2, 4, 4] == [len(exchange.reads) for exchange in exchanges]
