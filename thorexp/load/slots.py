"""How many conversations may be under way, as a limit that changes while a load is played."""

import asyncio
from collections import deque


class Slots:
    """First come, first served. Without a limit there is always room."""

    def __init__(self) -> None:
        self._limit: int | None = None
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def set_limit(self, limit: int | None) -> None:
        """From now on. What is under way beyond a lower one goes on, and its room is not filled again."""
        self._limit = limit
        self._admit()

    async def enter(self) -> None:
        """Wait for room, and take it."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give it back."""
        self._taken -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and (self._limit is None or self._taken < self._limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
