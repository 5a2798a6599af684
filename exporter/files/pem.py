"""PEM (RFC 7468) as people keep it: certificates and keys between notes of any kind, in any encoding."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(?:(?!-----).)+-----END \1-----", re.DOTALL)


def find_blocks(content: bytes, kind: str) -> bytes:
    """Return the blocks of a kind, such as ``CERTIFICATE`` or ``PRIVATE KEY``, without what is around them; empty: none."""
    return b"".join(b"%b\n" % found[0] for found in _BLOCK.finditer(content) if found[1].endswith(kind.encode()))


@contextmanager
def in_a_file(content: bytes) -> Iterator[str]:
    """Yield the name of a file with this content, as OpenSSL reads by name; on Linux it is in memory, not on a disk."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("pem", os.MFD_CLOEXEC)
        try:
            os.write(number, content)
            yield f"/proc/self/fd/{number}"
        finally:
            os.close(number)
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
