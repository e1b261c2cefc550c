"""Answers that have ended and wait to be decoded, which is after the load unless they would fill the memory."""

import asyncio
from collections import deque

from thorexp.load.exchange import Exchange

MOST_READS = 200_000  # of 0.4 KB each as they come from vLLM; decoded, a token takes a tenth of it


class Backlog:
    """The oldest answers are decoded, in a thread, while there are too many."""

    def __init__(self) -> None:
        self._exchanges: deque[Exchange] = deque()
        self._reads = 0
        self._too_many = asyncio.Event()

    def add(self, exchange: Exchange) -> None:
        """One that has ended."""
        self._exchanges.append(exchange)
        self._reads += len(exchange.reads)
        if self._reads > MOST_READS:
            self._too_many.set()

    async def reduce(self) -> None:
        """Until cancelled."""
        while await self._too_many.wait():
            while self._reads > MOST_READS:
                oldest = self._exchanges.popleft()
                self._reads -= len(oldest.reads)
                await asyncio.to_thread(oldest.settle)
            self._too_many.clear()
