"""The commands as users type them: exit statuses, answers and complaints."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter import __version__
from exporter.cli import run
from exporter.demo.simulator import Fault
from tests.support.programs import (
    Platform,
    answers,
    eventually,
    fetch,
    free_port,
    run_program,
    running,
    surroundings,
    write_config,
)
from tests.support.tools import ROOT

USER = "40863af8-db4a-41c6-a269-eb5bc386d97f"
TASK = "61551b2c-e3f3-4707-b4ed-f362f0925e03"
GOOD = {"YUNFU_BASE_URL": "http://127.0.0.1:9", "YUNFU_USER_ID": USER, "YUNFU_TOKEN": "planted"}


@pytest.fixture
def env(platform: Platform) -> dict[str, str]:
    """Give the environment of the single account, with a quota that no command has to wait for."""
    account = platform.simulator.accounts[0]
    given = {"base_url": platform.url, "user_id": account.user_id, "token": account.token, "rate_limit": 100}
    return {"YUNFU_ACCOUNTS": json.dumps([{"name": "default", "discovery": {}, **given}])}


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str


class Command(Protocol):
    """Runs a command with the single account's variables, and others."""

    def __call__(self, *words: str, **more: str) -> Done:
        """Run it to its end."""


@pytest.fixture
def command(env: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run commands in this process, which is quicker."""

    def run_here(*words: str, **more: str) -> Done:
        for name, value in (env | more).items():
            monkeypatch.setenv(name, value)
        return Done(run(words), *capsys.readouterr())

    return run_here


def help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the help that words ask for; it needs no configuration, and complains of nothing."""
    with pytest.raises(SystemExit) as end:
        run(words)
    out, err = capsys.readouterr()
    assert (end.value.code, err) == (0, "")
    return out


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_lists_the_commands(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Each command has a line that says what it does; the exit statuses are below."""
    out = help_of(words, capsys)
    commands = re.findall(r"^    (\w+) +\w+ ", out, re.MULTILINE)
    assert commands == ["serve", "demo", "simulate", "check", "once", "tasks"]
    assert "'yunfu-exporter COMMAND --help'" in out
    assert out.endswith("\nexit status: 0 done, 1 failed, 2 bad configuration\n")


@pytest.mark.parametrize(
    ("words", "own"),
    [
        (["serve", "--help"], set()),
        (["--config", "c.yaml", "--help"], set()),
        (["check", "--help"], {"--live"}),
        (["help", "check"], {"--live"}),
        (["once", "-h"], set()),
        (["tasks", "-h"], {"--json"}),
    ],
)
def test_help_of_a_command_lists_its_options(
    words: list[str], own: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that reads the configuration lists each setting with its default, and the flags that it alone has."""
    out = help_of(words, capsys)
    listed = set(re.findall(r"^  (?:-\w, )?(--[\w.]+)", out, re.MULTILINE))
    assert {"--config", "--listen", "--health_listen", "--poll.stale_after", "--accounts"} <= listed
    assert listed & {"--live", "--json", "--tasks"} == own
    assert "exit status: 0 done, 1 failed, 2 bad configuration" in out
    assert re.search(r"--web.reload .*\(default: true\)$", out, re.MULTILINE)


@pytest.mark.parametrize(("command", "speed"), [("simulate", "60.0"), ("demo", "20.0")])
def test_help_of_the_simulator_is_its_own(command: str, speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands on the simulator list their own options, with the defaults that they really have."""
    out = help_of([command, "--help"], capsys)
    assert {"--tasks", "--listen", "--fault"} <= set(re.findall(r"^  (--\w+)", out, re.MULTILINE))
    assert f"(default: {speed})" in out
    assert "--poll" not in out


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["version"]])
def test_the_version_can_be_asked_for_in_three_ways(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """All of them are answered by the same line, here and by the quick way before anything is imported."""
    with pytest.raises(SystemExit) as end:
        run(words)
    said = f"yunfu-exporter {__version__} (unknown)\n"
    assert (end.value.code, capsys.readouterr().out, run_program(*words).stdout) == (0, said, said)


@pytest.mark.parametrize(
    ("words", "more", "complaint"),
    [
        (["servee"], {}, "there is no command 'servee'; did you mean 'serve'?"),
        (["help", "chek"], {}, "there is no command 'chek'; did you mean 'check'?"),
        (["run"], {}, "there is no command 'run'; expected one of serve, demo, simulate, check, once, tasks"),
        (["check", "--liv"], {}, "--liv: unknown option; did you mean '--live'?"),
        (["tasks", "--jsn"], {}, "--jsn: unknown option; did you mean '--json'?"),
        (["check", "--confg", "x"], {}, "--confg: unknown option; did you mean '--config'?"),
        (["check", "--config"], {}, "--config: has no value; expected one"),
        (["once", "--live"], {}, "--live: unknown option"),
        (["--config", "c.yaml", "check"], {}, "'check': the command goes first, before the options"),
        (["tasks", "everything"], {}, "'everything': belongs to no option; expected --KEY VALUE"),
        (["check", "--config", "nope.yaml"], {}, "nope.yaml: no such file or directory; expected a YAML file"),
        (["check", "--config", "."], {}, ".: is a directory; expected a YAML file"),
        (["check"], {"YUNFU_TOKN": "x"}, "YUNFU_TOKN: unknown variable; did you mean 'YUNFU_TOKEN'?"),
        (["check", "--poll.interval", "soon"], {}, "--poll.interval: "),
        (["check"], {"YUNFU_TOKEN": "", "YUNFU_TOKEN_FILE": "/nowhere"}, "accounts[0].token_file: cannot read"),
        (["check"], {"YUNFU_TASKS": "7"}, "YUNFU_TASKS: "),
        (["serve", "--listen", "somewhere"], {}, "--listen: "),
    ],
)
def test_a_bad_configuration_is_one_clear_line(
    words: list[str],
    more: dict[str, str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is misspelt, missing or unreadable is named in one line, with status 2 and no other output."""
    for name, value in (GOOD | more).items():
        monkeypatch.setenv(name, value)
    assert run(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"yunfu-exporter: {complaint}")
    assert err.count("\n") == 1


def test_every_fault_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two unreadable files and an empty CA file of three accounts are three lines, each with its place."""
    empty = tmp_path / "ca"
    empty.touch()
    account = {"base_url": "https://127.0.0.1:9", "user_id": USER, "discovery": {}}
    config = write_config(
        tmp_path / "c",
        {**account, "name": "a", "token_file": "/nowhere"},
        {**account, "name": "b", "token_file": str(tmp_path)},
        {**account, "name": "c", "token": "x", "ca_file": str(empty)},
    )
    assert run(["serve", "--config", str(config)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "yunfu-exporter: accounts[0].token_file: cannot read token file /nowhere: No such file or directory",
        f"yunfu-exporter: accounts[1].token_file: cannot read token file {tmp_path}: Is a directory",
        "yunfu-exporter: accounts[2].ca_file: cannot be used: no certificate in it; expected a file of PEM certificates",
    ]


def test_check_says_that_all_is_well(command: Command) -> None:
    """A good configuration gets its budget; --live also calls the platform, and says whether that worked."""
    plain, live = command("check"), command("check", "--live")
    assert (plain.status, plain.err) == (0, "")
    assert plain.out.startswith("the configuration is good\naccount default: ")
    assert "live call" not in plain.out
    assert "add --live" in plain.out
    assert "add --live" not in live.out
    assert (live.status, live.err) == (0, "")
    assert live.out.endswith(": live call: answered\n")


def test_check_live_tells_a_refused_token(platform: Platform, command: Command) -> None:
    """A configuration that is good but does not work is status 1, with the reason."""
    platform.simulator.faults.append(Fault(kind="expired_token"))
    done = command("check", "--live")
    assert (done.status, done.err) == (1, "")
    assert done.out.endswith(": live call: failed: http_401: the platform answered HTTP 401 Unauthorized\n")
    assert "add --live" not in done.out


def test_once_prints_what_a_scrape_would(command: Command) -> None:
    """All polled: status 0, and the output is an exposition with every task."""
    done = command("once")
    assert (done.status, done.err) == (0, "")
    families = {family.name: family for family in text_string_to_metric_families(done.out)}
    assert [sample.value for sample in families["yunfu_task_up"].samples] == [1] * 5
    assert len(families["yunfu_task_numbers"].samples) == 5 * 13


def test_once_tells_a_task_that_failed(platform: Platform, command: Command) -> None:
    """One task failing makes status 1; the others are printed all the same."""
    task = next(iter(platform.simulator.accounts[0].tasks))
    platform.simulator.faults.append(Fault(kind="status", status=404, task=task))
    done = command("once", "--poll.timeout", "5s")
    assert done.status == 1
    families = {family.name: family for family in text_string_to_metric_families(done.out)}
    assert sorted(sample.value for sample in families["yunfu_task_up"].samples) == [0, 1, 1, 1, 1]
    assert done.err.count("\n") == 1
    assert f"task={task}" in done.err


def test_tasks_are_a_table_for_people_and_json_for_machines(platform: Platform, command: Command) -> None:
    """Both list every task with its id, name, state and account."""
    table, machine = command("tasks"), command("tasks", "--json")
    assert (table.status, machine.status, table.err, machine.err) == (0, 0, "", "")
    rows = json.loads(machine.out)
    assert {row["id"] for row in rows} == set(platform.simulator.accounts[0].tasks)
    assert all(row["account"] == "default" and row["name"] for row in rows)
    header, *lines = table.out.splitlines()
    assert header.split()[:4] == ["id", "name", "state", "account"]
    assert [line.split()[0] for line in lines] == [row["id"] for row in rows]


def test_no_name_steers_the_terminal(platform: Platform, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control characters in a task's name are question marks in the table, and stay in the JSON."""
    task = next(iter(platform.simulator.accounts[0].tasks.values()))
    monkeypatch.setattr(task, "name", "\x1b[31m红\x07\u202e\n色\x9b")
    table, machine = command("tasks"), command("tasks", "--json")
    assert "?[31m红?? 色?" in table.out
    assert all(character.isprintable() or character == "\n" for character in table.out)
    assert task.name in {row["name"] for row in json.loads(machine.out)}


def test_tasks_tells_a_discovery_that_failed(env: dict[str, str], command: Command) -> None:
    """What cannot be listed is status 1 and one line; it does not claim that there are no tasks."""
    for words in (["tasks"], ["tasks", "--json"]):
        done = command(
            *words,
            YUNFU_ACCOUNTS=json.dumps([{**json.loads(env["YUNFU_ACCOUNTS"])[0], "base_url": "http://127.0.0.1:9"}]),
        )
        assert done.status == 1
        assert "no tasks" not in done.out
        assert done.err.startswith("yunfu-exporter: account default: discovery failed: connect: ")
        assert done.err.count("\n") == 1


def test_a_terminal_without_chinese_gets_escapes(
    platform: Platform, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that the output's encoding does not know are escaped; the JSON stays JSON."""
    monkeypatch.setattr(next(iter(platform.simulator.accounts[0].tasks.values())), "name", "回访é📞")
    table, machine = (
        run_program(*words, env=env | {"PYTHONIOENCODING": "ascii"}) for words in (["tasks"], ["tasks", "--json"])
    )
    assert (table.returncode, machine.returncode) == (0, 0)
    assert "\\u" in table.stdout
    tasks = platform.simulator.accounts[0].tasks
    assert {row["name"] for row in json.loads(machine.stdout)} == {task.name for task in tasks.values()}


@pytest.mark.parametrize("words", [["--help"], ["once"], ["check"]])
def test_a_reader_that_has_gone_is_no_drama(words: list[str], env: dict[str, str]) -> None:
    """Output into a closed pipe, as of `| head -1`, ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    command = (sys.executable, "-m", "exporter", *words)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(
            command, cwd=ROOT, env=surroundings(env), stdout=pipe, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_a_full_disk_is_one_line(env: dict[str, str]) -> None:
    """Output that cannot be written is status 1 and says why."""
    command = (sys.executable, "-m", "exporter", "check")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, cwd=ROOT, env=surroundings(env), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "yunfu-exporter: [Errno 28] No space left on device\n")


def test_no_standard_output_at_all_is_no_drama(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started without standard output, as by some supervisors, a command still works."""
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", None)
    assert run(["check"]) == 0


def test_an_interrupted_command_says_so(platform: Platform, env: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-C while the platform hangs is one line and status 1, no traceback."""
    platform.simulator.faults.append(Fault(kind="slow_headers", seconds=60))
    platform.simulator.calls.clear()
    with running(tmp_path, "once", env=env) as program:
        eventually(lambda: platform.simulator.calls["tasks"])
        assert program.stop(signal.SIGINT) == 1
        assert program.logs == "yunfu-exporter: interrupted\n"


def test_simulate_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """It prints what to set, serves that, and SIGTERM ends it with status 0."""
    address = f"127.0.0.1:{free_port()}"
    with running(tmp_path, "simulate", "--listen", address, "--tasks", "3") as program:
        eventually(answers(f"http://{address}/_control/truth"))
        [settings] = [line for line in program.out.read_text().splitlines() if line.startswith("YUNFU_")]
        env = dict(word.split("=", 1) for word in settings.split())
        assert run_program("check", "--live", env=env).returncode == 0
        assert len(json.loads(fetch(f"http://{address}/_control/truth").body)) == 3
        again = run_program("simulate", "--listen", address)
        assert program.stop() == 0
        assert program.logs == ""
    assert (again.returncode, again.stderr) == (
        1,
        f"yunfu-exporter: cannot listen on {address}: Address already in use\n",
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["simulate", "--tasks", "0"], "argument --tasks: '0' is not accepted; expected a whole number, at least 1"),
        (["simulate", "--tasks", "many"], "argument --tasks: 'many' is not accepted; expected a whole number"),
        (["demo", "--speed", "nan"], "argument --speed: 'nan' is not accepted; expected a number, at least 0"),
        (["simulate", "--incident", "war"], "argument --incident: invalid choice: 'war' (choose from"),
        (["simulate", "--fault", "boom"], "argument --fault: kind: 'boom' is no fault; expected one of status,"),
        (["simulate", "--fault", "status,colour=red"], "argument --fault: 'colour' is no part of a fault; expected"),
        (["demo", "--listen", "here"], "argument --listen: "),
        (["demo", "--config", "x"], "unrecognized arguments: --config x; expected one of those that --help lists"),
        (["demo", "--tsks=x"], "unrecognized arguments: --tsks=x; did you mean '--tasks'?"),
    ],
)
def test_bad_words_for_the_simulator(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the simulator cannot take is named, with what is accepted and status 2."""
    with pytest.raises(SystemExit) as end:
        run(words)
    assert end.value.code == 2
    assert f"yunfu-exporter {words[0]}: error: {complaint}" in capsys.readouterr().err
