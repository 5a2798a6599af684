"""The user's files: the configuration, tokens, certificates. One that never answers holds up nothing for long.

A named pipe waits for its writer, and a network file system that is gone waits for ever. So only regular files are
read, and each question to the file system is asked in a thread that is given up after a while. All functions block
until then: in an event loop they are called in a thread.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from exporter.threads import LooseThreads

PATIENCE_SECONDS: Final = 2.0
"""How long the file system may take to answer."""

MOST_BYTES: Final = 16 << 20
"""Of a file, unless something else is said."""

Answer = TypeVar("Answer")

_threads = LooseThreads()
_FIRST_PAUSE: Final = 10.0


class _Hanging(NamedTuple):
    """A question that hangs, and when (of the monotonic clock) another is asked: after twice the pause each time.

    So a path that leads elsewhere by then works again, and the threads that hang are few.
    """

    asked: Future[Any]
    again_at: float
    pause: float


_hanging: dict[Path, _Hanging] = {}


def read_file(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """Return the content of a regular file. Raises OSError, also for another kind of file, one too large, or no answer."""
    return _ask(path, partial(_read, path, most_bytes))


def look_at(path: Path) -> os.stat_result:
    """Return the status of what a path leads to. Raises OSError, also if there is no answer."""
    return _ask(path, path.stat)


def _read(path: Path, most_bytes: int) -> bytes:
    _check_kind(path.stat())  # before it is opened: that alone can have an effect, as on a tape
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123  # pathlib has no mode
        _check_kind(os.fstat(file.fileno()))
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return content


def _check_kind(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")


def _ask(path: Path, question: Callable[[], Answer]) -> Answer:
    """Return the file system's answer about a file. Raises OSError, with ETIMEDOUT if there is none in time."""
    before = _hanging.get(path)
    if before is not None and before.asked.done():
        before = None
    if before is not None and time.monotonic() < before.again_at:
        raise _no_answer()
    asked = _threads.submit(question)
    try:
        return asked.result(PATIENCE_SECONDS)
    except TimeoutError:
        if asked.done():  # the file system's own
            raise
        pause = _FIRST_PAUSE if before is None else 2 * before.pause
        _hanging[path] = _Hanging(asked, time.monotonic() + pause, pause)
        raise _no_answer() from None


def _no_answer() -> TimeoutError:
    return TimeoutError(errno.ETIMEDOUT, "The file system does not answer")
