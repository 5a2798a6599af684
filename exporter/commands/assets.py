"""The command ``assets``: the files that come with this version, written to a directory, and over those of an earlier version.

What was written is recorded there in SHA256SUMS, in the format of sha256sum. So the next run knows a file that the user has changed:
that one stays, and the new one is put beside it.
"""

from __future__ import annotations

import errno
import fcntl
import os
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from exporter import __version__
from exporter.commands import FAILED, OK, complain
from exporter.config.values import printable
from exporter.files.shipped import shipped_names, shipped_root
from exporter.words.check import ASSETS, ASSETS_FOR
from exporter.words.terminal import say

FLAGS: Final = {"--to DIR": "the directory; files in it that you have changed stay as they are"}

RECORD: Final = "SHA256SUMS"
BESIDE: Final = ".new"
"""Ends the name of a new file that is put beside the user's."""


def run(options: Namespace, _: Sequence[str]) -> int:
    """Write the files, print what was done and what they are for; return the exit status: 0, or 1 if a file cannot be written."""
    if not options.to:  # an unset variable of a script; as a path it would be the working directory
        complain("--to: is empty; expected a directory, . for this one")
        return FAILED
    directory = Path(options.to)
    try:
        with _readable_by_all():
            directory.mkdir(parents=True, exist_ok=True)
            with _locked(directory):
                changes = _compare(directory)
                _apply(directory, changes)
    except OSError as error:
        complain(printable(f"--to: {directory} cannot be written: {_explain(error)}"))
        return FAILED
    for key, name in _report(changes):
        print(say((ASSETS | ASSETS_FOR)[key], to=printable(str(directory)), version=__version__, name=printable(name)))
    return OK


@contextmanager
def _readable_by_all() -> Iterator[None]:
    """Let all users read what is made in the block, as what a package installs: Prometheus, Grafana and others run as their own.

    Prometheus passes over a directory of rules that it may not read, without a word.
    """
    before = os.umask(0)
    os.umask(before & ~0o555)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Wait until no other run writes to the directory; on a file system without locks, as some network ones are, do not."""
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _explain(error: OSError) -> str:
    """Return what is wrong, where, and what is expected."""
    fault = "Not a directory" if isinstance(error, FileExistsError) else error.strerror
    path = error.filename2 or error.filename  # of two, the one that is not a temporary file of ours
    place = f": {path}" if path else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{fault}{place}; expected room for the files"
    hint = ' (in a container, run it as yourself: --user "$(id -u)")' if isinstance(error, PermissionError) else ""
    return f"{fault}{place}; expected a directory that you may write to{hint}"


@dataclass(frozen=True, slots=True)
class _Changes:
    """What there is to do in a directory, by the names of files within it."""

    shipped: Mapping[str, bytes]
    written: Sequence[str]
    """Not there, or as an earlier version wrote them."""

    kept: Sequence[str]
    """Changed by the user, and since then by us: the new one goes beside, and is told of for as long as it is there."""

    removed: Sequence[str]
    """No longer shipped, and as an earlier version wrote them."""

    left: Sequence[str]
    """No longer shipped, but changed by the user."""

    record: Mapping[str, str]
    """The digests of what is written now, by name, and of what was written last of a file that is left."""


def _compare(directory: Path) -> _Changes:
    """Compare the shipped files with those in a directory, and these with what was written there last."""
    shipped = {name: (shipped_root() / name).read_bytes() for name in shipped_names()}
    ours = {name: _digest(content) for name, content in shipped.items()}
    last = _read_record(directory)
    gone = [name for name in last if name not in ours and _is_within(directory, name)]
    there = {name: _digest(_read(path)) for name in (*ours, *gone) if (path := directory / name).exists()}
    others = [name for name in ours if there.get(name) != ours[name]]
    changed = [name for name in others if name in there and there[name] != last.get(name)]
    left = [name for name in gone if there[name] != last[name]]
    return _Changes(
        shipped,
        written=[name for name in others if name not in changed],
        kept=[name for name in changed if last.get(name) != ours[name] or (directory / f"{name}{BESIDE}").exists()],
        removed=[name for name in gone if there[name] == last[name]],
        left=left,
        record=ours | {name: last[name] for name in left},
    )


def _apply(directory: Path, changes: _Changes) -> None:
    """Put each file in its place by renaming it, once all are written: a full disk leaves everything as it was."""
    new = {name: changes.shipped[name] for name in changes.written}
    new |= {f"{name}{BESIDE}": changes.shipped[name] for name in changes.kept}
    new[RECORD] = "".join(f"{digest}  {name}\n" for name, digest in changes.record.items()).encode()
    with ExitStack() as staged:
        for name, content in new.items():
            path = _staged(directory / name)
            path.parent.mkdir(parents=True, exist_ok=True)
            staged.callback(path.unlink, missing_ok=True)
            path.write_bytes(content)
        for name in changes.removed:
            (directory / name).unlink()
        for name in new:  # the record is the last: until then, another run does the rest
            _staged(directory / name).replace(directory / name)


def _staged(path: Path) -> Path:
    """Return where a file is written first: beside its place, since a folder may be a link to another file system."""
    return path.with_name(f".{path.name}.tmp")


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _read(path: Path) -> bytes:
    """Return what is in a file. Raises OSError, for a named pipe too, which would be waited for."""
    if not path.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return path.read_bytes()


def _read_record(directory: Path) -> dict[str, str]:
    """Return the digests of the files as they were written last, by name."""
    path = directory / RECORD
    lines = _read(path).decode(errors="replace").splitlines() if path.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}


def _is_within(directory: Path, name: str) -> bool:
    """Return whether a name of the record, which may be forged, leads to something within the directory."""
    try:
        return (directory / name).resolve(strict=True).is_relative_to(directory.resolve())
    except (OSError, RuntimeError, ValueError):  # gone, a link that leads to itself, a name that none can be
        return False


def _report(changes: _Changes) -> Iterator[tuple[str, str]]:
    """Yield each line as the key of its text and what it names, a file or a number of files."""
    yield "written", str(len(changes.written))
    yield from (("kept", name) for name in changes.kept)
    yield from (("removed", name) for name in changes.removed)
    yield from (("left", name) for name in changes.left)
    yield from ((key, "") for key in ASSETS_FOR)
