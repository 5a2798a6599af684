"""Log lines, one per event, as logfmt or JSON on standard error.

A log call names what it is about: ``log.warning("discovery fails", account="main")``. It never waits for whoever reads
the log: lines that nobody takes are dropped and counted.
"""

from __future__ import annotations

import io
import json
import logging
import os
import select
import sys
import threading
from collections import deque
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

_PRIORITIES: Final = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))  # syslog's
_LOGGING_ARGUMENTS: Final = frozenset({"exc_info", "stack_info", "stacklevel"})

MOST_WAITING_BYTES: Final = 1 << 18
"""Of lines that are not written yet; further ones are dropped."""

FLUSH_SECONDS: Final = 1.0
"""How long the end of the program waits for the lines that are not written yet."""


class FieldsLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that writes its keyword arguments, beside those of ``logging`` itself, as fields of the line."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Move the fields to where the formatters look for them."""
        own = {name: kwargs[name] for name in _LOGGING_ARGUMENTS & kwargs.keys()}
        fields = {name: value for name, value in kwargs.items() if name not in own}
        return msg, {**own, "extra": {"fields": fields}}


def get_logger(name: str) -> FieldsLogger:
    """Return the logger of a module."""
    return FieldsLogger(logging.getLogger(name))


def set_up(level: str, line_format: str, stream: TextIO | None = None) -> None:
    """Send this package's logs to a stream (standard error if none is given), from ``level`` up, as ``logfmt`` or ``json`` lines."""
    stream = stream or sys.stderr
    handler = _handler(stream)
    formatter = _JsonFormatter() if line_format == "json" else _LogfmtFormatter()
    handler.setFormatter(_JournalFormatter(formatter) if _is_journal(stream) else formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("exporter").setLevel(level.upper())


def dropped_lines() -> int:
    """Return how many lines could not be written."""
    return sum(handler.dropped for handler in logging.getLogger().handlers if isinstance(handler, LineHandler))


def _handler(stream: TextIO | None) -> logging.Handler:
    """Return what writes to a stream: the handler that does already, so that no line overtakes another."""
    if stream is None:  # standard error is closed
        return logging.NullHandler()
    try:
        stream.fileno()
    except io.UnsupportedOperation:  # it is in memory, and keeps nobody waiting
        return logging.StreamHandler(stream)
    known = [each for each in logging.getLogger().handlers if isinstance(each, LineHandler) and each.stream is stream]
    return known[0] if known else LineHandler(stream)


class LineHandler(logging.StreamHandler[TextIO]):
    """A handler that has lines written by a thread, which alone waits for a full pipe or disk.

    The thread goes by the number of the file: holding the stream's lock it would keep the interpreter from ending.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.dropped = 0
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._writer: threading.Thread | None = None
        self._guard = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Leave a line to the thread, or drop it if too many wait."""
        try:
            self._leave(f"{self.format(record)}\n".encode(self.stream.encoding, "backslashreplace"))
        except Exception:  # noqa: BLE001  # as in every handler of logging: a fault here is no fault of who logs
            self.handleError(record)

    def _leave(self, line: bytes) -> None:
        with self._guard:
            if self._waiting_bytes + len(line) > MOST_WAITING_BYTES:
                self.dropped += 1
                return
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_waiting, name="log", daemon=True)
                self._writer.start()

    def flush(self) -> None:
        """Wait until all lines are written, for a second at most; the interpreter's end calls this too."""
        if (writer := self._writer) is not None:
            writer.join(FLUSH_SECONDS)

    def _write_waiting(self) -> None:
        while (line := self._next()) is not None:
            try:
                _write(self.stream.fileno(), line)
            except (OSError, ValueError):  # a full disk, a reader that has gone, a closed stream
                with self._guard:
                    self.dropped += 1

    def _next(self) -> bytes | None:
        """Return the next line; None if there is none, which ends the thread."""
        with self._guard:
            if not self._waiting:
                self._writer = None
                return None
            line = self._waiting.popleft()
            self._waiting_bytes -= len(line)
            return line


def _write(number: int, line: bytes) -> None:
    while line:
        try:
            line = line[os.write(number, line) :]
        except BlockingIOError:  # somebody who has the same pipe has made it so
            select.select((), (number,), ())


def _parts(record: logging.LogRecord, formatter: logging.Formatter) -> dict[str, object]:
    parts: dict[str, object] = {
        "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "msg": record.getMessage(),
        **getattr(record, "fields", {}),
    }
    if record.exc_info:
        parts["traceback"] = formatter.formatException(record.exc_info)
    return parts


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _escape(json.dumps(_parts(record, self), ensure_ascii=False, default=str))


class _LogfmtFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{name}={_quote(value)}" for name, value in _parts(record, self).items())


class _JournalFormatter(logging.Formatter):
    """Puts before a line its priority, by which ``journalctl --priority`` selects (format: sd-daemon(3))."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        priority = next(priority for level, priority in _PRIORITIES if record.levelno >= level)
        return f"<{priority}>{self._inner.format(record)}"


def _is_journal(stream: TextIO) -> bool:
    """Return whether systemd has connected a stream to its journal (``JOURNAL_STREAM``: systemd.exec(5))."""
    try:
        file = os.fstat(stream.fileno())
    except (OSError, AttributeError):  # it is no file, or there is none
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{file.st_dev}:{file.st_ino}"


def _quote(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    bare = text and text.isprintable() and not any(character in text for character in ' "=')
    if bare:
        return text
    return _escape(json.dumps(text, ensure_ascii=False))


def _escape(text: str) -> str:
    """Return JSON with escapes for what would steer a terminal: C1, bidirectional and invisible characters."""
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
