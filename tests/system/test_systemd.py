"""The systemd unit."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

from tests.support.tools import ROOT, need

UNIT = ROOT / "deploy" / "systemd" / "yunfu-exporter.service"
INSTALLED = "/opt/yunfu-exporter/bin/yunfu-exporter"
MOST_EXPOSURE_TENTHS = 15
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


def test_the_unit_gives_the_service_a_folder_for_its_state() -> None:
    """The state file is in the folder that systemd makes for the service's user, and nobody else may read it."""
    text = UNIT.read_text(encoding="utf-8")
    assert re.findall(r"^StateDirectory=(.*)$", text, re.MULTILINE) == ["yunfu-exporter"]
    assert re.findall(r"^StateDirectoryMode=(.*)$", text, re.MULTILINE) == ["0700"]
    assert "\nEnvironment=YUNFU_STATE_FILE=%S/yunfu-exporter/" in text  # %S: where systemd has such folders


def test_the_unit_keeps_the_token_to_the_service() -> None:
    """The token is a credential, and no key puts one into the environment or the command line, which others can read."""
    unit = configparser.RawConfigParser(strict=False, allow_no_value=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # the library's way to keep the case of keys
    unit.read(UNIT)
    service = unit["Service"]
    assert service["LoadCredential"] == "token:/etc/yunfu-exporter/token"
    given = re.findall(r"^(?:Environment|EnvironmentFile|PassEnvironment) *=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert given == ["YUNFU_STATE_FILE=%S/yunfu-exporter/state.db"]
    assert service["ExecStart"] == f"{INSTALLED} serve --config /etc/yunfu-exporter/yunfu.yaml"
    assert "/run/credentials/yunfu-exporter.service/token" in UNIT.read_text()
