"""The user's files: which are read, and how long the file system may take."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path, PosixPath

import pytest

from exporter.files import reading
from exporter.files.changes import Watched
from exporter.files.reading import look_at, read_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file."""
    path = tmp_path / "token"
    path.write_text("one")
    return path


class HungFile(PosixPath):
    """A path on a file system that answers no question until it is let go."""

    let_go = threading.Event()
    asked = 0

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Hang."""
        HungFile.asked += 1
        self.let_go.wait(20)
        return super().stat(follow_symlinks=follow_symlinks)


@pytest.fixture
def hung(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HungFile]:
    """Give a file whose file system hangs."""
    monkeypatch.setattr(reading, "PATIENCE_SECONDS", 0.05)
    HungFile.let_go.clear()
    HungFile.asked = 0
    yield HungFile(file)
    HungFile.let_go.set()
    reading._hanging.clear()


def test_a_regular_file_is_read_whole(file: Path) -> None:
    """The content is returned as it is, through a link too, up to the bound."""
    link = file.with_name("link")
    link.symlink_to(file)
    assert read_file(link) == read_file(file, 3) == b"one"
    with pytest.raises(OSError, match="File too large"):
        read_file(file, 2)


@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
def test_what_is_no_regular_file_is_not_read(kind: str, tmp_path: Path) -> None:
    """A named pipe that nobody writes to is refused at once, and so is all else that could go on for ever."""
    path = tmp_path / "it"
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            listener.bind(str(path))
        else:
            path = Path("/dev/zero")
        with pytest.raises(OSError, match="Not a regular file"):
            read_file(path)


def test_a_folder_and_a_missing_file_are_said_as_ever(tmp_path: Path) -> None:
    """The system's own reasons are kept."""
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        read_file(tmp_path)
    with pytest.raises(FileNotFoundError, match="No such file"):
        read_file(tmp_path / "none")


def test_a_file_system_that_hangs_is_given_up(hung: HungFile) -> None:
    """A question without an answer is an error, and while it hangs no other is asked for a while."""
    for ask in (read_file, look_at, read_file):
        with pytest.raises(TimeoutError, match="The file system does not answer") as caught:
            ask(hung)
        assert caught.value.errno == errno.ETIMEDOUT
    assert HungFile.asked == 1


def test_a_question_under_way_is_no_hanging_one(hung: HungFile, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts that have one token file can read it at the same time: only what took too long stands in the way."""
    monkeypatch.setattr(reading, "PATIENCE_SECONDS", 20)
    read: list[bytes] = []
    slow = threading.Thread(target=lambda: read.append(read_file(hung)))
    slow.start()
    while not HungFile.asked:
        pass
    assert hung == file
    assert read_file(file) == b"one"
    HungFile.let_go.set()
    slow.join()
    assert read == [b"one"]


def test_a_path_that_leads_elsewhere_works_again(hung: HungFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that hangs for good is asked again after 10 s, 20 s, 40 s and so on; one that is answered ends that."""
    now = time.monotonic()
    for seconds, asked in ((0, 1), (9, 1), (11, 2), (30, 2), (32, 3), (70, 3), (73, 4)):
        monkeypatch.setattr(time, "monotonic", lambda at=now + seconds: at)
        with pytest.raises(TimeoutError):
            look_at(hung)
        assert HungFile.asked == asked, seconds
    HungFile.let_go.set()
    reading._hanging[hung].asked.result(10)
    assert look_at(hung).st_size == 3


def test_a_file_that_hangs_has_changed_when_it_is_back(hung: HungFile) -> None:
    """A watched file that hangs counts as one that cannot be read: a change when that begins, and when it ends."""
    HungFile.let_go.set()
    watched = Watched(hung)
    HungFile.let_go.clear()
    assert [watched.has_changed() for _ in range(3)] == [True, False, False]
    HungFile.let_go.set()
    reading._hanging[hung].asked.result(10)
    assert [watched.has_changed() for _ in range(2)] == [True, False]
