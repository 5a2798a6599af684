"""The systemd unit under a real systemd: process 1 of namespaces of its own, in the files of the image.

The network is the machine's own, so that the simulator and the tests reach the exporter on the loopback.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bcrypt
import pytest
import yaml

from tests.support.images import Image
from tests.support.programs import Platform, answers, eventually, fetch, free_port
from tests.support.tools import ROOT, missing, need

pytestmark = pytest.mark.privileged

UNIT: Final = ROOT / "deploy" / "systemd" / "yunfu-exporter.service"
NAME: Final = UNIT.name
PASSWORD: Final = b"only for this test"
NAMESPACES: Final = ("--mount", "--pid", "--ipc", "--uts", "--cgroup")

BOOT: Final = """\
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/shm dev/pts old
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
pivot_root . old
umount -l /old
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
"""
"""Makes the first word the root of a machine, and becomes its systemd.

It cannot set what the kernel has once for all machines. Credentials need mounts that are shared.
"""


@dataclass(frozen=True)
class Machine:
    """A machine under systemd, with the unit installed as docs/install.md says, and the exporter's address on it."""

    root: Path
    pid: int
    address: str

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine, as root."""
        enter = ("nsenter", "--target", str(self.pid), *NAMESPACES, "--root", "--wd=/")
        clean = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_PAGER=")
        return subprocess.run((*enter, *clean, *words), capture_output=True, text=True, timeout=60, check=False)

    def systemctl(self, *words: str) -> int:
        """Tell systemd something; return the exit status."""
        return self.run("systemctl", *words, NAME).returncode

    def shows(self, *properties: str) -> list[str]:
        """Return what systemd knows of the unit."""
        reported = self.run("systemctl", "show", NAME).stdout.splitlines()
        known = {name: value for name, _, value in (line.partition("=") for line in reported)}
        return [known.get(name, "") for name in properties]  # an empty one is not always shown

    def configure(self, platform: Platform, **more: object) -> None:
        """Write the configuration, which is for all to read, and the token, which is for root alone."""
        account = platform.account(token_file=f"/run/credentials/{NAME}/token")
        token = str(account.pop("token"))
        for name, text, mode in (
            ("yunfu.yaml", yaml.safe_dump({"listen": self.address, "accounts": [account], **more}), 0o644),
            ("token", token, 0o600),
        ):
            path = self.root / "etc" / "yunfu-exporter" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(mode)

    def samples(self, name: str) -> list[str]:
        """Return the values of a metric."""
        lines = fetch(f"http://{self.address}/metrics").text.splitlines()
        return [line.rpartition(" ")[2] for line in lines if line.startswith(name)]

    def journal(self, *options: str) -> str:
        """Return what the unit has logged."""
        return self.run("journalctl", "--unit", NAME, "--output", "cat", *options).stdout


@contextmanager
def own_cgroup() -> Iterator[Path]:
    """Make a control group in which a systemd may make others."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    unified = next((mount[1] for mount in mounts if mount[2] == "cgroup2"), None)
    unified = unified or missing("there is no file system of control groups", "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
    group = Path(unified) / f"yunfu-test-{os.getpid()}"
    group.mkdir()
    try:
        yield group
    finally:
        eventually(lambda: _remove(group))  # when what ran in it has ended


def _remove(group: Path) -> bool:
    try:
        for inner in sorted(group.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
            inner.rmdir()
        group.rmdir()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def machine(image: Image) -> Iterator[Machine]:
    """Boot a machine with the unit in place, not started yet."""
    root = image.store.files(image.name)
    shutil.copy(UNIT, root / "etc" / "systemd" / "system")
    become = (*NAMESPACES, "--fork", "--kill-child", "sh", "-c", BOOT, "sh", str(root))
    words = (need("unshare", "apt-get install util-linux"), *become)
    with own_cgroup() as group, (root / "console").open("wb") as console:
        join = ("sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', str(group))
        with subprocess.Popen((*join, *words), stdout=console, stderr=console) as process:
            try:
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
                pid = int(eventually(lambda: children.exists() and children.read_text().strip()))
                booted = Machine(root, pid, f"127.0.0.1:{free_port()}")
                eventually(
                    lambda: booted.run("systemctl", "is-system-running").stdout.strip() in {"running", "degraded"}
                )
                yield booted
            finally:
                process.kill()


@pytest.fixture
def unit(machine: Machine, served: Platform) -> Iterator[Machine]:
    """Give the machine with the exporter started."""
    machine.configure(served)
    assert machine.systemctl("start") == 0, machine.journal()
    yield machine
    machine.systemctl("stop")
    machine.systemctl("reset-failed")
    machine.systemctl("clean", "--what=state")


def test_it_serves_once_it_is_started(unit: Machine) -> None:
    """The start waits until it serves; it has a user of its own, and reads every task with the credential."""
    assert answers(f"http://{unit.address}/healthz")()
    eventually(lambda: unit.samples("yunfu_task_up{") == ["1"] * 5)
    (pid,) = unit.shows("MainPID")
    assert int(unit.run("stat", "--format", "%u", f"/proc/{pid}").stdout) > 60000


def test_it_is_started_again_after_a_crash(unit: Machine) -> None:
    """Killed, it is there again within seconds."""
    assert unit.systemctl("kill", "--signal=KILL") == 0
    eventually(lambda: unit.shows("ActiveState", "NRestarts") == ["active", "1"])
    eventually(lambda: unit.samples("yunfu_account_up{") == ["1.0"])


def test_it_goes_on_after_a_restart(unit: Machine) -> None:
    """Its state is in the folder that is the service's alone, and what was seen before is shown at once after a restart."""
    eventually(lambda: unit.samples("yunfu_task_up{") == ["1"] * 5)
    seen = unit.samples("yunfu_task_last_success_timestamp_seconds{")
    assert unit.systemctl("restart") == 0
    assert unit.samples("yunfu_task_last_success_timestamp_seconds{") == seen
    state = "/var/lib/private/yunfu-exporter"
    modes = unit.run("stat", "--format", "%a", state, f"{state}/state.db").stdout.split()
    assert modes == ["700", "600"]


def test_a_reload_says_in_the_status_how_it_went(unit: Machine, served: Platform) -> None:
    """A good configuration takes effect; of a bad one status and journal say what is wrong, and the one before stays."""
    unit.configure(served, windows=["1h"])
    assert unit.systemctl("reload") == 0
    eventually(lambda: unit.shows("StatusText") == ["configuration reloaded"])
    unit.configure(served, windws=["1h"])
    unit.systemctl("reload")
    eventually(lambda: "windws: unknown key; did you mean 'windows'?" in unit.shows("StatusText")[0])
    assert unit.shows("ActiveState") == ["active"]
    assert unit.samples("yunfu_exporter_config_last_reload_successful ") == ["0.0"]
    assert "windws: unknown key" in unit.journal("--priority", "err")
    assert "configuration reloaded" not in unit.journal("--priority", "err")


def test_a_bad_configuration_fails_the_start_once(unit: Machine, served: Platform) -> None:
    """It is not tried again and again."""
    unit.configure(served, windws=["1h"])
    assert unit.systemctl("restart") != 0
    assert unit.shows("ActiveState", "NRestarts", "ExecMainStatus") == ["failed", "0", "2"]


def test_passwords_are_checked_in_the_sandbox(unit: Machine, served: Platform) -> None:
    """With a web configuration, who has the password comes in and nobody else."""
    hashed = bcrypt.hashpw(PASSWORD, bcrypt.gensalt(4)).decode()
    web = unit.root / "etc" / "yunfu-exporter" / "web.yaml"
    web.write_text(yaml.safe_dump({"basic_auth_users": {"prometheus": hashed}}), encoding="utf-8")
    unit.configure(served, web_config_file="/etc/yunfu-exporter/web.yaml")
    assert unit.systemctl("restart") == 0
    for password, status in ((PASSWORD, 200), (b"another", 401)):
        basic = base64.b64encode(b"prometheus:" + password).decode()
        assert fetch(f"http://{unit.address}/metrics", headers={"Authorization": f"Basic {basic}"}).status == status


def test_it_stops_well(unit: Machine) -> None:
    """Stopped, it ends by itself, with status 0."""
    assert unit.systemctl("stop") == 0
    assert unit.shows("Result", "ExecMainStatus") == ["success", "0"]
