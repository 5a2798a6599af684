"""Messages to systemd."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from exporter.systemd import set_status
from tests.support.programs import PATIENCE_SECONDS, Platform, answers, eventually, free_port, running, write_config

MOST_BYTES = 4_096  # of a message to systemd; it drops a longer one


@contextmanager
def listening_at(address: str) -> Iterator[socket.socket]:
    """Wait for messages as systemd does; ``@`` stands for the NUL of an abstract address."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        manager.settimeout(PATIENCE_SECONDS)
        yield manager


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_when_it_serves(platform: Platform, tmp_path: Path, abstract: bool) -> None:  # noqa: FBT001  # a table
    """READY=1 comes when, and not before, the exporter answers: what systemd starts after it can use it."""
    address = f"@yunfu-{os.getpid()}" if abstract else str(tmp_path / "notify")
    port = free_port()
    config = write_config(tmp_path / "c", platform.account(), listen=f"127.0.0.1:{port}")
    with (
        listening_at(address) as manager,
        running(tmp_path, "serve", "--config", str(config), env={"NOTIFY_SOCKET": address}),
    ):
        assert manager.recv(100) == b"READY=1"
        assert answers(f"http://127.0.0.1:{port}/healthz")()


def test_systemd_is_told_how_a_reload_went(platform: Platform, tmp_path: Path) -> None:
    """`systemctl reload` cannot fail, so `systemctl status` says what was wrong, in a message that systemd is able to take."""
    address = str(tmp_path / "notify")
    good = {"listen": f"127.0.0.1:{free_port()}"}
    config = write_config(tmp_path / "c", platform.account(), **good)
    with (
        listening_at(address) as manager,
        running(tmp_path, "serve", "--config", str(config), env={"NOTIFY_SOCKET": address}) as program,
    ):
        assert manager.recv(MOST_BYTES) == b"READY=1"
        write_config(config, platform.account(), **good, **{f"错误{number}": 1 for number in range(100)})
        program.process.send_signal(signal.SIGHUP)
        told = manager.recv(2 * MOST_BYTES)
        assert told.decode().startswith(
            "STATUS=reload failed; the previous configuration stays in use: 错误0: unknown key"
        )
        assert b"\n" not in told
        assert len(told) <= MOST_BYTES
        write_config(config, platform.account(), **good)
        program.process.send_signal(signal.SIGHUP)
        assert manager.recv(MOST_BYTES) == b"STATUS=configuration reloaded"


def test_systemd_is_not_told_of_a_failed_start(platform: Platform, tmp_path: Path) -> None:
    """With its port taken the exporter ends without having said that it serves: `systemctl start` fails."""
    address = str(tmp_path / "notify")
    with socket.create_server(("127.0.0.1", 0)) as taken, listening_at(address) as manager:
        config = write_config(tmp_path / "c", platform.account(), listen=f"127.0.0.1:{taken.getsockname()[1]}")
        with running(tmp_path, "serve", "--config", str(config), env={"NOTIFY_SOCKET": address}) as program:
            assert program.process.wait(PATIENCE_SECONDS) == 1
        manager.setblocking(False)  # noqa: FBT003  # the standard library's word
        with pytest.raises(BlockingIOError):
            manager.recv(100)


def test_it_serves_although_nobody_listens(platform: Platform, tmp_path: Path) -> None:
    """Where the address given leads nowhere, a line in the log says so."""
    config = write_config(tmp_path / "c", platform.account(), listen=f"127.0.0.1:{free_port()}")
    with running(tmp_path, "serve", "--config", str(config), env={"NOTIFY_SOCKET": "/nowhere"}) as program:
        eventually(lambda: 'msg="cannot send systemd a message" socket=/nowhere' in program.logs)
        assert program.stop() == 0


def test_a_manager_that_reads_nothing_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With its queue full a message is given up after a moment, and logged."""
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with listening_at(address), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.settimeout(0)
        with suppress(BlockingIOError):
            while True:
                other.sendto(b"x", address)
        set_status("reloaded")
    assert [record.getMessage() for record in caplog.records] == ["cannot send systemd a message"]
