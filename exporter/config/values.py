"""Parsers of the values that a configuration is written in: one ``parse_…`` function for each kind.

Values are read the same from file, environment and command line. A parser takes whatever was written, or the typed
value itself, and raises ValueError with one plain line: what is wrong, what is accepted. No line shows a secret.
"""

from __future__ import annotations

import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from yarl import URL

from exporter.patterns import NO_TOKENS, TOKEN_SIGN, UUID, BoundedPattern

RESERVED_LABELS: Final = (
    *("account", "generation", "kind", "name", "sub_account", "task"),
    *("alertname", "instance", "job", "pod", "severity"),
)
"""The labels yunfu_task_info has anyway, and those that Prometheus or the alert rules set themselves, or drop."""

_UNITS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}  # in milliseconds
_DURATION: Final = re.compile("".join(rf"(?:(\d{{1,12}}){unit})?" for unit in _UNITS), re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_LIKE_A_UUID: Final = re.compile(r"[0-9a-f]*-[0-9a-f-]*", re.ASCII | re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(?:\[([0-9a-fA-F:.]*:[0-9a-fA-F:.]*)\]|([^\s:\[\]/@]*)):(\d{1,5})", re.ASCII)
_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_RATIOS: Final = "a number from 0 to 1, such as 0.3 for 30%"
_RATES: Final = "30/m, 1/s or a number per second"
_KINDS: Final = {bool: "true or false", int: "a number", float: "a number", str: "text", dict: "a mapping"}


def describe(value: object) -> str:
    """Return the kind of a foreign value, never the value: ``text``, ``a list``, ``null``."""
    return "null" if value is None else _KINDS.get(type(value), "a list")


def printable(text: str) -> str:
    """Return a text with question marks for what would break a line or steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def show(value: object, longest: int = 40) -> str:
    """Quote a value on one line; of a longer text nothing, for it can be a token in the wrong place."""
    if not isinstance(value, str | int | float):
        return describe(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)  # as in YAML
    if TOKEN_SIGN in text:
        return "something like a token"
    return repr(text) if len(text) <= longest else "something long"  # a UUID is 36 characters long


def parse_number(value: object) -> float:
    """Read a finite number, also one written as text. Raises ValueError."""
    number = float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) <= sys.float_info.max:
        raise ValueError(f"{show(value)} is not a number; expected a number")
    return number


def parse_ratio(value: object) -> float:
    """Read a number from 0 to 1, also one written as text. Raises ValueError."""
    try:
        ratio = parse_number(value)
    except ValueError:
        raise ValueError(f"{show(value)} is not a number; expected {_RATIOS}") from None
    if not 0 <= ratio <= 1:
        raise ValueError(f"{show(value)} is out of range; expected {_RATIOS}")
    return float(ratio)


def parse_whole_number(value: object) -> int:
    """Read a whole number, also one written as text. Raises ValueError."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,12}", value, re.ASCII):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{show(value)} is not a whole number; expected a whole number")


def parse_boolean(value: object) -> bool:
    """Read true or false, also written as text. Raises ValueError."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError(f"{show(value)} is neither; expected true or false")


def parse_rate(value: object) -> float:
    """Read ``30/m``, ``1/s`` or a number per second as a number per second above 0. Raises ValueError."""
    number, slash, unit = value.partition("/") if isinstance(value, str) else (value, "", "")
    try:
        seconds = {"m": 60, "s": 1}[unit.strip()] if slash else 1
        rate = parse_number(number.strip() if isinstance(number, str) else number) / seconds
    except (ValueError, KeyError):
        raise ValueError(f"{show(value)} is not a rate; expected {_RATES}") from None
    if rate <= 0:
        raise ValueError(f"{show(value)} is out of range; expected above 0, as {_RATES}")
    return rate


def format_rate(per_second: float) -> str:
    """Write a rate as parse_rate reads it, per minute: ``30/m``."""
    return f"{per_second * 60:.10g}/m"


def parse_duration(text: object) -> float:
    """Read a duration such as ``1h30m``, or a number of seconds, as seconds from 0 to 366 days. Raises ValueError."""
    if isinstance(text, str) and (parts := _DURATION.fullmatch(text)) and any(parts.groups()):
        seconds = sum(int(n) * unit for n, unit in zip(parts.groups(0), _UNITS.values(), strict=True)) / 1000
    else:
        try:
            seconds = parse_number(text)
        except ValueError:
            accepted = "500ms, 10s, 5m, 1h30m, 1d or a number of seconds"
            raise ValueError(f"{show(text)} is not a duration; expected {accepted}") from None
    if not 0 <= seconds <= 366 * 86400:
        raise ValueError(f"{show(text)} is out of range; expected a duration from 0 to 366d")
    return float(seconds)


def format_duration(seconds: float) -> str:
    """Format seconds >= 0 as parse_duration reads them, to the millisecond: ``1h30m``, ``500ms``, ``0s``."""
    rest, text = round(seconds * 1000), ""
    for unit, length in _UNITS.items():
        count, rest = divmod(rest, length)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def positive_duration(seconds: float) -> float:
    """Return the seconds if they are at least a millisecond. Raises ValueError."""
    if seconds < 0.001:  # the finest unit
        raise ValueError("is too short; expected a duration of at least 1ms")
    return seconds


def parse_text(value: object) -> str:
    """Read a text of one line, without the blanks around it; it is not empty. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"is {describe(value)}; expected text, in quotes if need be")  # noqa: TRY004 - pydantic collects ValueErrors only
    if not value.strip().isprintable() or not value.strip():  # what is printable has no lone surrogates either
        raise ValueError("is empty or has characters that cannot be printed; expected text of one line")
    return value.strip()


def parse_path(value: object) -> Path:
    """Read the path of a file. Raises ValueError."""
    return value if isinstance(value, Path) else Path(parse_text(value))


def parse_uuid(value: object) -> str:
    """Read a UUID in any case, as lower case. Raises ValueError."""
    if isinstance(value, str) and UUID.fullmatch(value.strip().lower()):
        return value.strip().lower()
    is_misspelt = not isinstance(value, str) or _LIKE_A_UUID.fullmatch(value)
    shown = show(value) if is_misspelt else show(value, longest=16)  # a short token is easily mistaken for an id
    raise ValueError(f"{shown} is not a UUID; expected like 40863af8-db4a-41c6-a269-eb5bc386d97f")


def parse_timezone(value: object) -> ZoneInfo:
    """Read the name of a time zone in the system's database. Raises ValueError."""
    try:
        return value if isinstance(value, ZoneInfo) else ZoneInfo(parse_text(value))
    except (KeyError, OSError, ValueError):  # no such file, a directory, a path that leads outside
        raise ValueError(f"{show(value)} is not a time zone; expected a name like Asia/Shanghai or UTC") from None


def parse_pattern(value: object) -> BoundedPattern:
    """Read a regular expression whose dot matches a newline too: a task's name can hold one. Raises ValueError."""
    if isinstance(value, BoundedPattern):
        return value
    text = parse_text(value)
    try:
        with warnings.catch_warnings(action="error"):  # [[:alpha:]] is not the set it looks like
            return BoundedPattern(re.compile(text, re.DOTALL))
    except RecursionError:
        fault = "nested too deeply"
    except (re.error, Warning, OverflowError, ValueError) as error:
        fault = error.msg if isinstance(error, re.error) else str(error)
    raise ValueError(
        f"{show(value)} is not a regular expression ({fault}); expected Python's syntax, in which .* is any text"
    )


def parse_label_name(value: object) -> str:
    """Read the name of a label a user may add to yunfu_task_info. Raises ValueError."""
    if not isinstance(value, str) or not _LABEL_NAME.fullmatch(value):
        raise ValueError(f"{show(value)} is not a label name; expected letters, digits and _, no digit first")
    if value.startswith("__") or value in RESERVED_LABELS:
        raise ValueError(f"{show(value)} is reserved; expected no __ in front and none of {', '.join(RESERVED_LABELS)}")
    return value


def parse_token(value: object) -> SecretStr:
    """Read a token as it goes into a header: visible ASCII. Raises ValueError."""
    token = value.get_secret_value() if isinstance(value, SecretStr) else parse_text(value)
    for pattern, fault in NO_TOKENS:
        if pattern.match(token):
            raise ValueError(f"{fault}; expected the token alone")
    if not token.isascii() or " " in token:
        raise ValueError("has blanks or characters outside ASCII; expected the token alone")
    return SecretStr(token)


def _parse_url(value: object, expected: str) -> SplitResult:
    """Split an http or https address as it is sent: a host name in Chinese by IDNA, the rest percent-encoded.

    Messages never hold any of it: it may have a password or a token anywhere.
    """
    text = parse_text(value)
    try:
        url = urlsplit(text)
        sound = url.scheme in ("http", "https") and url.hostname and url.port != 0 and " " not in text
        encoded = urlsplit(str(URL(text)))
    except ValueError:  # brackets or a port out of order, a label that is too long
        sound = False
    if not sound:
        raise ValueError(f"is not an http or https address; expected {expected}")
    if url.query or url.fragment or text.endswith(("?", "#")):
        raise ValueError(f"has a query or fragment; expected {expected}")
    return encoded


def parse_base_url(value: object) -> str:
    """Read an http or https address, a path prefix allowed, without the slash at its end. Raises ValueError."""
    url = _parse_url(value, expected := "like https://api.example.com or https://example.com/prefix")
    if "@" in url.netloc:
        raise ValueError(f"has a user name or password; expected {expected}")
    return url.geturl().rstrip("/")  # in small letters: accounts of one platform share a quota, however they write it


def parse_proxy(value: object) -> SecretStr:
    """Read the address of a proxy, which may have a user name and password. Raises ValueError."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    url = _parse_url(text, expected := "like http://user:password@proxy.example.com:3128")
    if url.path not in ("", "/"):
        raise ValueError(f"has a path; expected {expected}")
    if "%3a" in (url.username or "").lower():
        raise ValueError(f"has a colon in the user name, which basic auth cannot carry; expected {expected}")
    return SecretStr(url.geturl().rstrip("/"))


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: an empty host is every interface, an IPv6 host is without its brackets, the port is 1-65535."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(value: object) -> Address:
    """Read ``host:port``, ``[IPv6]:port`` or ``:port``. Raises ValueError."""
    if isinstance(value, Address):
        return value
    found = _ADDRESS.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found or not 0 < int(found[3]) < 2**16:
        raise ValueError(f"{show(value)} is not an address; expected HOST:PORT, [IPv6]:PORT or :PORT, ports 1 to 65535")
    return Address(found[1] or found[2], int(found[3]))


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """A span of time: the label as the user wrote it, and its seconds >= 60, or None for today and yesterday."""

    label: str
    seconds: float | None = None

    def __str__(self) -> str:
        return self.label


def parse_window(value: object) -> WindowSettings:
    """Read ``today``, ``yesterday`` or a duration of at least a minute. Raises ValueError."""
    if isinstance(value, WindowSettings):
        return value
    if value in ("today", "yesterday"):
        return WindowSettings(str(value))
    try:
        seconds = parse_duration(value)
    except ValueError:
        seconds = 0.0
    if seconds < 60:
        raise ValueError(f"{show(value)} is not a window; expected today, yesterday or a duration of at least 1m")
    return WindowSettings(str(value), seconds)


def split_text(value: object) -> object:
    """Read a comma-separated text as the list it stands for, and a number as a list of it; the rest stays as it is."""
    if isinstance(value, int | float):
        return [value]
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value
