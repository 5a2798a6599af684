"""The command capture as users type it, and the way back: its file replayed."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from exporter.demo.simulator import Fault
from tests.support.commands import Command
from tests.support.programs import Platform, eventually, free_address, run_program, running


def test_a_capture_is_written_for_its_owner_alone(platform: Platform, command: Command, tmp_path: Path) -> None:
    """All calls are in the file, which says nothing of the account; what to do with it is said."""
    path, account = tmp_path / "capture.json", platform.simulator.accounts[0]
    done = command("capture", "--output", str(path))
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"{path} has 5 API calls, 5 of them answered.")
    assert done.out.endswith("Please read the file before you send it; only you can see it now.\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text(encoding="utf-8")
    calls = json.loads(text)["accounts"][0]["calls"]
    assert [call["endpoint"] for call in calls] == ["tasks", "new_tasks", "stat", "message", "token"]
    assert calls[3]["json"]["data"] == {"balance": "1024.50"}
    names = [task.name for task in account.tasks.values()]
    assert not [
        secret for secret in (account.token, account.user_id, "127.0.0.1", *account.tasks, *names) if secret in text
    ]


def test_numbers_can_be_blanked(command: Command, tmp_path: Path) -> None:
    """With --blank-numbers no count is in the file."""
    path = tmp_path / "capture.json"
    assert "numbers are replaced by 0" in command("capture", "--output", str(path), "--blank-numbers").out
    calls = json.loads(path.read_text(encoding="utf-8"))["accounts"][0]["calls"]
    assert {int(each) for each in calls[2]["json"]["data"]["answer_rate"].values()} == {0}


def test_it_speaks_the_terminals_language(command: Command, tmp_path: Path) -> None:
    """A Chinese locale gets Chinese."""
    done = command("capture", "--output", str(tmp_path / "capture.json"), LC_ALL="zh_CN.UTF-8")
    assert "发送前请通读文件" in done.out


def test_unknown_keys_are_told_to_the_one_who_sends_it(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field whose name could be data is replaced in the file, and named on the terminal."""
    monkeypatch.setattr("exporter.demo.simulator.api.envelope", lambda _: b'{"code": 200, "data": {"lingqian": 7}}')
    path = tmp_path / "capture.json"
    done = command("capture", "--output", str(path))
    assert "  key-1 was lingqian\n" in done.out
    assert "lingqian" not in path.read_text(encoding="utf-8")


def test_a_file_that_is_there_stays(command: Command, tmp_path: Path) -> None:
    """An existing file is not overwritten, and no call is made; neither is a folder that is not there made."""
    path = tmp_path / "capture.json"
    path.write_text("mine")
    done = command("capture", "--output", str(path))
    assert (done.status, done.out) == (2, "")
    assert done.err == f"yunfu-exporter: --output: {path} is there already; expected the name of a new file\n"
    assert path.read_text() == "mine"
    assert command("capture", "--output", str(tmp_path / "nowhere" / "x")).status == 2


def test_failed_calls_are_a_capture_too(platform: Platform, command: Command, tmp_path: Path) -> None:
    """A refused token is worth a report: it was answered."""
    platform.simulator.faults.append(Fault(kind="expired_token"))
    path = tmp_path / "capture.json"
    assert command("capture", "--output", str(path)).status == 0
    call, *_ = json.loads(path.read_text(encoding="utf-8"))["accounts"][0]["calls"]
    assert (call["status"], call["failure"]) == (401, "http_401")


def test_without_any_answer_it_has_failed(env: dict[str, str], command: Command, tmp_path: Path) -> None:
    """A platform that is not reached leaves a file that says so, and status 1."""
    account = json.loads(env["YUNFU_ACCOUNTS"])[0] | {"base_url": "http://127.0.0.1:9"}
    done = command("capture", "--output", str(tmp_path / "c.json"), YUNFU_ACCOUNTS=json.dumps([account]))
    assert done.status == 1
    assert "1 API calls, 0 of them answered" in done.out


def test_the_file_is_served_again(command: Command, tmp_path: Path) -> None:
    """Simulate --replay serves the file, prints the settings for it, and once and check --live work with these."""
    path, address = tmp_path / "capture.json", free_address()
    assert command("capture", "--output", str(path)).status == 0
    with running(tmp_path, "simulate", "--replay", str(path), "--listen", address) as simulator:
        line = eventually(lambda: [line for line in simulator.printed.splitlines() if "YUNFU_ACCOUNTS" in line])[0]
        accounts = json.loads(line.removeprefix("YUNFU_ACCOUNTS='").removesuffix("'"))
        env = {"YUNFU_ACCOUNTS": json.dumps([account | {"rate_limit": 100} for account in accounts])}
        checked, polled = (run_program(*words, env=env) for words in (["check", "--live"], ["once"]))
        assert simulator.stop() == 0
    assert checked.returncode == 0
    assert "verdict: The platform answers as documented" in checked.stdout
    assert polled.returncode == 0
    assert polled.stdout.count('yunfu_task_up{account="account-1"') >= 3


def test_another_file_is_not_replayed(tmp_path: Path) -> None:
    """A file that capture did not write is a bad argument."""
    (tmp_path / "x").write_text("{}")
    done = run_program("simulate", "--replay", str(tmp_path / "x"))
    assert done.returncode == 2
    assert "is not a file that `yunfu-exporter capture` writes" in done.stderr
    assert "No such file" in run_program("simulate", "--replay", "/nowhere").stderr
