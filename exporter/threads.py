"""Threads for calls that may never return, such as look-ups of names: one that hangs holds up no other, nor the end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any, ParamSpec, TypeVar

Words = ParamSpec("Words")
Result = TypeVar("Result")


class LooseThreads(ThreadPoolExecutor):
    """An executor that gives each call a thread, and waits for none; asyncio demands that it is a ThreadPoolExecutor.

    Those who call bound how many calls there are at once: aiohttp looks up a name once at a time, for one.
    """

    def submit(self, fn: Callable[Words, Result], /, *args: Words.args, **kwargs: Words.kwargs) -> Future[Result]:
        """Begin a call. Raises RuntimeError if the system has no further thread."""
        future: Future[Result] = Future()

        def call() -> None:
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they would not wake the main thread here
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  # whoever waits for the result gets it
                future.set_exception(error)

        Thread(target=call, name=getattr(fn, "__name__", "call"), daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  # the base's
        """Do nothing: what is under way goes on alone, and ends with the process."""


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end, as ``asyncio.run`` does, but wait for no thread then."""
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(LooseThreads())
        return runner.run(main)
