"""The commands as users type them: exit statuses, answers and complaints."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exporter import __version__, revision
from exporter.cli import run
from exporter.demo.simulator import Fault
from tests.support.programs import (
    PATIENCE_SECONDS,
    Platform,
    answers,
    eventually,
    fetch,
    free_port,
    run_program,
    running,
    surroundings,
)
from tests.support.tools import ROOT

USER = "40863af8-db4a-41c6-a269-eb5bc386d97f"
TASK = "61551b2c-e3f3-4707-b4ed-f362f0925e03"
GOOD = {"YUNFU_BASE_URL": "http://127.0.0.1:9", "YUNFU_USER_ID": USER, "YUNFU_TOKEN": "planted"}


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
    assert commands == ["serve", "demo", "simulate", "check", "capture", "once", "tasks", "assets"]
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
    said = f"yunfu-exporter {__version__} ({revision()})\n"
    assert (end.value.code, capsys.readouterr().out, run_program(*words).stdout) == (0, said, said)


@pytest.mark.parametrize(
    ("words", "more", "complaint"),
    [
        (["servee"], {}, "there is no command 'servee'; did you mean 'serve'?"),
        (["help", "chek"], {}, "there is no command 'chek'; did you mean 'check'?"),
        (
            ["run"],
            {},
            "there is no command 'run'; expected one of serve, demo, simulate, check, capture, once, tasks, assets",
        ),
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


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("words", "status"), [("check --config /nowhere.yaml", 2), ("chekc", 2), ("check --x 1", 2)])
def test_the_exit_status_needs_no_standard_error(words: str, status: int, redirect: str) -> None:
    """A bad configuration is status 2 also where its complaint cannot be written."""
    command = f"{sys.executable} -m exporter {words} {redirect}"
    done = subprocess.run(("sh", "-c", command), cwd=ROOT, env=surroundings(GOOD), check=False)
    assert done.returncode == status


def test_no_file_gets_the_number_of_a_closed_stream() -> None:
    """What is opened after the start has a number above those of the standard streams, though they were closed."""
    code = "import os; from exporter.cli import run; run(['check']); os._exit(os.open('/dev/null', os.O_RDONLY))"
    command = f'{sys.executable} -c "{code}" <&- >&- 2>&-'
    done = subprocess.run(("sh", "-c", command), cwd=ROOT, env=surroundings(GOOD), check=False)
    assert done.returncode > 2


@pytest.mark.parametrize("redirect", [">/dev/full", ">&-", "2>&-", "2>/dev/full", ">/dev/full 2>/dev/full"])
def test_a_clean_stop_needs_no_place_to_write_to(redirect: str) -> None:
    """SIGTERM ends ``serve`` with status 0 although its standard streams are full or closed."""
    address = f"127.0.0.1:{free_port()}"
    command = ("sh", "-c", f"exec {sys.executable} -m exporter --listen {address} {redirect}")
    with subprocess.Popen(command, cwd=ROOT, env=surroundings(GOOD), stderr=subprocess.DEVNULL) as program:
        try:
            eventually(answers(f"http://{address}/healthz"))
            program.send_signal(signal.SIGTERM)
            assert program.wait(PATIENCE_SECONDS) == 0
        finally:
            program.kill()


def test_no_standard_output_at_all_is_no_drama(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started without standard output, as by some supervisors, a command still works."""
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", None)
    assert run(["check"]) == 0
    assert run(["once"]) == 1  # there is no platform
    assert run(["tasks", "--json"]) == 1


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
