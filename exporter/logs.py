"""Log lines, one per event, as logfmt or JSON on standard error.

A log call names what it is about: ``log.warning("discovery fails", account="main")``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

_PRIORITIES: Final = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))  # syslog's
_LOGGING_ARGUMENTS: Final = frozenset({"exc_info", "stack_info", "stacklevel"})


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
    handler = logging.StreamHandler(stream)
    formatter = _JsonFormatter() if line_format == "json" else _LogfmtFormatter()
    handler.setFormatter(_JournalFormatter(formatter) if _is_journal(stream) else formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("exporter").setLevel(level.upper())


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
        return json.dumps(_parts(record, self), ensure_ascii=False, default=str)


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
    quoted = json.dumps(text, ensure_ascii=False)  # which leaves some that would steer a terminal as they are
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in quoted)
