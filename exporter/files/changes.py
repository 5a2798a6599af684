"""Files that are watched for changes: the configuration, the web configuration with its certificates, and tokens."""

from __future__ import annotations

from pathlib import Path

from exporter.files.reading import look_at

Stamp = tuple[tuple[int, int, int] | None, ...]


def stamp(*files: Path) -> Stamp:
    """Return what differs when a file was changed or replaced.

    Links are followed and what they lead to is compared, so that Kubernetes' swap of a mounted secret shows too.
    """
    return tuple(map(_stamp_of, files))


def _stamp_of(file: Path) -> tuple[int, int, int] | None:
    try:
        status = look_at(file)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


class Watched:
    """Files that are watched from now on."""

    def __init__(self, *files: Path) -> None:
        self._files = files
        self._seen = stamp(*files)

    def has_changed(self) -> bool:
        """Return whether a file differs from what it was at the last call, or at the beginning."""
        before, self._seen = self._seen, stamp(*self._files)
        return self._seen != before
