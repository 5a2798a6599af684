"""The API token of an account, given or read from a file that can change, and its expiry."""

from __future__ import annotations

import base64
import binascii
import errno
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exporter.api.scalars import read_number
from exporter.files.changes import Stamp, stamp
from exporter.files.reading import read_file
from exporter.patterns import NO_TOKENS, TOKEN_SIGN

_MAX_TOKEN_BYTES: Final = 64 * 1024


class TokenError(Exception):
    """A token file cannot be read or holds no token; the message names the file, never its content.

    It leaves out a name that may be a token itself, given as a file by mistake.
    """


@dataclass(slots=True)
class Token:
    """A bearer token. ``refresh`` reads its file again, if it has one; the value never shows in a repr."""

    value: str = field(repr=False)
    path: Path | None = None
    _seen: Stamp | None = field(default=None, repr=False)

    @classmethod
    def from_file(cls, path: Path) -> Token:
        """Read the token from a file. Raises TokenError."""
        token = cls("", path)
        token.refresh(force=True)
        return token

    def refresh(self, *, force: bool = False) -> bool:
        """Read the file again if it was changed or replaced (or if forced); return whether the token is a new one.

        Raises TokenError; the previous token stays in use.
        """
        if self.path is None:
            return False
        if (seen := stamp(self.path)) == self._seen and not force:
            return False
        try:
            content = read_file(self.path, _MAX_TOKEN_BYTES)
        except OSError as error:
            raise TokenError(_unreadable(self.path, error)) from None
        text = _check(content, self.path)
        changed = text != self.value
        self.value, self._seen = text, seen
        return changed

    def expiry(self) -> float | None:
        """Return when a JWT expires (its ``exp`` claim, RFC 7519, Unix seconds); None for an opaque token."""
        try:
            _, payload, _ = self.value.split(".")
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (ValueError, binascii.Error, RecursionError):
            return None
        return read_number(claims.get("exp")) if isinstance(claims, dict) else None


def _unreadable(path: Path, error: OSError) -> str:
    """Return the message for a file that cannot be read. Its name is in it if it is absolute, or if it or its folder exists.

    A slash is not enough: an opaque token can have one too.
    """
    if error.errno == errno.EFBIG:
        return f"token file {path} is too large; expected at most 64 KiB, one token and nothing else"
    reason = error.strerror or "no such file"
    is_path = path.is_absolute() or stamp(path.parent if len(path.parts) > 1 else path) != (None,)
    if is_path and TOKEN_SIGN not in str(path):
        return f"cannot read token file {path}: {reason}"
    return f"is no file that can be read: {reason}; expected a path; a token itself belongs to token or YUNFU_TOKEN"


def _check(content: bytes, path: Path) -> str:
    """Return the token of a file's content; a header cannot carry spaces or anything but ASCII."""
    text = content.removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        raise TokenError(f"token file {path} is empty; it must hold the account's API token")
    for pattern, fault in NO_TOKENS:
        if pattern.match(text.decode("utf-8", "replace")):
            raise TokenError(f"token file {path} {fault}; it must hold the token alone")
    if not text.isascii() or any(byte <= ord(" ") or byte == 0x7F for byte in text):  # DEL
        raise TokenError(f"token file {path} must hold one token of printable ASCII characters and nothing else")
    return text.decode()
