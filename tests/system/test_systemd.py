"""The systemd unit, and what the exporter tells systemd."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.programs import PATIENCE_SECONDS, Platform, answers, eventually, free_port, running, write_config
from tests.support.tools import ROOT, need

UNIT = ROOT / "deploy" / "systemd" / "yunfu-exporter.service"
INSTALLED = "/opt/yunfu-exporter/bin/yunfu-exporter"
MOST_EXPOSURE_TENTHS = 15
MOST_BYTES = 4_096  # of a message to systemd; it drops a longer one
ANALYZE = "systemd-analyze", "apt-get install systemd"


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze."""
    return subprocess.run((need(*ANALYZE), *words), capture_output=True, text=True, check=False)


def complaints(unit: Path) -> list[str]:
    """Return what systemd says against a unit, and not what it says against others on this machine."""
    done = analyze("verify", "--recursive-errors=no", unit)
    return [line for line in done.stderr.splitlines() if unit.name in line]


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """Each key is known and each value is valid, once the program is where the unit says; a misspelt key is noticed."""
    program = shutil.which("true")
    assert program is not None
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8").replace(INSTALLED, program)
    unit.write_text(text, encoding="utf-8")
    assert complaints(unit) == []
    unit.write_text(text.replace("NoNewPrivileges=", "NoNewPrivilges="), encoding="utf-8")
    assert "NoNewPrivilges" in "".join(complaints(unit))


def test_the_unit_is_hardened(tmp_path: Path) -> None:
    """Its exposure is at most 1.5 of 10; what is left is the network, the root directory and the list of addresses."""
    threshold = f"--threshold={MOST_EXPOSURE_TENTHS}"
    done = analyze("security", "--offline=yes", threshold, UNIT)
    assert done.returncode == 0, done.stdout
    weak = tmp_path / UNIT.name
    weak.write_text(re.sub(r"^(CapabilityBoundingSet|DynamicUser)=.*$", "", UNIT.read_text(), flags=re.MULTILINE))
    assert analyze("security", "--offline=yes", threshold, weak).returncode != 0


def calls(name: str) -> set[str]:
    """Return the system calls of one of systemd's groups."""
    if not name.startswith("@"):
        return {name}
    lines = [line.strip() for line in analyze("syscall-filter", name).stdout.splitlines()[1:]]
    return {call for line in lines if not line.startswith("#") for call in calls(line)}


def test_the_unit_lets_password_checks_give_way() -> None:
    """What the exporter calls is let through: the priority of a thread can be lowered. Nothing else of its group can."""
    allowed: set[str] = set()
    for forbids, names in re.findall(r"^SystemCallFilter=(~?)(.*)$", UNIT.read_text(), re.MULTILINE):
        for name in names.split():
            allowed = allowed - calls(name) if forbids else allowed | calls(name)
    assert {"read", "socket"} <= allowed
    assert calls("@resources") & allowed == {"setpriority"}
    assert not {"chown", "setuid"} & allowed


def test_the_unit_keeps_the_token_to_the_service() -> None:
    """The token is a credential, and no key puts one into the environment or the command line, which others can read."""
    unit = configparser.RawConfigParser(strict=False, allow_no_value=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # the library's way to keep the case of keys
    unit.read(UNIT)
    service = unit["Service"]
    assert service["LoadCredential"] == "token:/etc/yunfu-exporter/token"
    assert not {"Environment", "EnvironmentFile", "PassEnvironment"} & {*service}
    assert service["ExecStart"] == f"{INSTALLED} serve --config /etc/yunfu-exporter/yunfu.yaml"
    assert "/run/credentials/yunfu-exporter.service/token" in UNIT.read_text()


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
        eventually(lambda: 'msg="cannot tell systemd how the exporter is" socket=/nowhere' in program.logs)
        assert program.stop() == 0
