"""An event loop whose time passes only when there is nothing left to do, and then at once."""

import asyncio
import math
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVarTuple

NS_PER_S = 1_000_000_000

Ts = TypeVarTuple("Ts")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at 0. What would be done in a thread is done at once; sockets are not looked at."""

    def __init__(self) -> None:
        self._now_ns = 0
        super().__init__(_Skipping(self._skip))
        self._clock_resolution = 1 / NS_PER_S

    def now_ns(self) -> int:
        """Its own time."""
        return self._now_ns

    def time(self) -> float:
        """The same in s."""
        return self._now_ns / NS_PER_S

    def run_in_executor(
        self, _executor: Executor | None, func: Callable[[*Ts], Any], *args: *Ts
    ) -> "asyncio.Future[Any]":
        """Now, in this thread."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as failed:  # noqa: BLE001 - a future carries whatever its work raised
            done.set_exception(failed)
        return done

    def _skip(self, timeout_s: float | None) -> None:
        if timeout_s is None:
            raise RuntimeError("nothing is left to do, and something is waited for")
        self._now_ns += math.ceil(max(0.0, timeout_s) * NS_PER_S)


class _Skipping(selectors.SelectSelector):
    """Waits for nothing, and tells by how much time is to pass instead."""

    def __init__(self, skip: Callable[[float | None], None]) -> None:
        super().__init__()
        self._skip = skip

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """No event comes from outside."""
        self._skip(timeout)
        return []
