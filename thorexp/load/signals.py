"""A signal during a load ends the load first, and is handled after it.

Raised inside a callback of the loop, KeyboardInterrupt is taken for a fault of the connection that was being read,
and lost.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

Handler = Callable[[int, FrameType | None], object]


class DeferredSignals:
    """SIGINT and SIGTERM, kept back from `arm` or `hold` until the context is left; then the handler that was there is
    called.

    Off the main thread, where no signal arrives, nothing is done.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}
        self._met: list[int] = []

    def __enter__(self) -> "DeferredSignals":
        if threading.current_thread() is threading.main_thread():
            there = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)}
            self._handlers = {which: handler for which, handler in there.items() if callable(handler)}
        return self

    def arm(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on a signal cancels every task of this loop, which is running; a second is not kept back."""

        def meet(which: int) -> None:
            self._met.append(which)
            if len(self._met) > 1:
                self._restore()
                signal.raise_signal(which)
            for task in asyncio.all_tasks(loop):
                task.cancel()

        for which in self._handlers:
            loop.add_signal_handler(which, meet, which)

    def hold(self) -> None:
        """From now on a signal does nothing but wait: for what is short, and would be left half done."""
        for which in self._handlers:
            signal.signal(which, lambda number, _frame: self._met.append(number))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        if self._met:
            self._handlers[self._met[0]](self._met[0], None)

    def _restore(self) -> None:
        for which, handler in self._handlers.items():
            signal.signal(which, handler)
