"""Notices that files were changed or replaced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

Stamp = tuple[tuple[int, int, int] | None, ...]


def stamp(files: Sequence[Path]) -> Stamp:
    """Tell one state of files from another; links are followed, so a mounted secret's swap shows too."""
    return tuple(map(_stamp_of, files))


def _stamp_of(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


class Watched:
    """A file that is watched from now on; None is a file that never changes."""

    def __init__(self, file: Path | None) -> None:
        self._files = () if file is None else (file,)
        self._seen = stamp(self._files)

    def has_changed(self) -> bool:
        """Tell whether the file is another one than at the last call, or than at the beginning."""
        before, self._seen = self._seen, stamp(self._files)
        return self._seen != before
