"""The certificate authorities that an account trusts: those of its CA file, which can change, or the system's."""

from __future__ import annotations

import ssl
from pathlib import Path

from exporter.files.changes import stamp
from exporter.files.pem import find_blocks, in_a_file
from exporter.files.reading import read_file


class AuthoritiesError(Exception):
    """A CA file cannot be used; the message says why."""


class Authorities:
    """The TLS of new connections to the platform. ``refresh`` reads the CA file again, if there is one."""

    def __init__(self, path: Path | None = None) -> None:
        """Read the file. Raises AuthoritiesError."""
        self.path = path
        self._seen = None if path is None else stamp(path)
        self._content = None if path is None else _read(path)
        self.context = _make_context(self._content)

    def refresh(self, *, force: bool = False) -> bool:
        """Read the file again if it was changed or replaced (or if forced); return whether its certificates are others.

        Raises AuthoritiesError; the previous certificates stay in use.
        """
        if self.path is None or ((seen := stamp(self.path)) == self._seen and not force):
            return False
        content = _read(self.path)
        if changed := content != self._content:
            self.context = _make_context(content)
        self._content, self._seen = content, seen
        return changed


def _read(path: Path) -> bytes:
    try:
        content = read_file(path)
    except OSError as error:
        raise _unusable(error.strerror or "no such file") from None
    if not (certificates := find_blocks(content, "CERTIFICATE")):
        raise _unusable("no certificate in it")
    return certificates


def _make_context(certificates: bytes | None) -> ssl.SSLContext:
    """Return a context that trusts certificates, or the system's authorities, by the same rules in each version of Python.

    As for curl, any listed certificate is trusted, a server's or an intermediate one too; and an authority may be of the
    time before RFC 5280, without the extensions that Python has demanded since 3.13.
    """
    if certificates is None:
        context = ssl.create_default_context()
    else:
        with in_a_file(certificates) as file:
            try:
                context = ssl.create_default_context(cafile=file)
            except ssl.SSLError:
                raise _unusable("a certificate in it is damaged") from None
    context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    return context


def _unusable(reason: str) -> AuthoritiesError:
    return AuthoritiesError(f"cannot be used: {reason}; expected a file of PEM certificates")
