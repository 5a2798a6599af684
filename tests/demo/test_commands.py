"""The commands ``demo`` and ``simulate``: what someone sees who tries them first."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
from argparse import ArgumentParser
from asyncio import create_subprocess_exec, subprocess
from pathlib import Path

import aiohttp
import pytest

from exporter.api.tokens import Token
from exporter.cli import run
from exporter.config.settings import Settings
from exporter.daemon import Daemon, make_daemon
from exporter.demo import commands as demo
from exporter.demo.simulator import Fault, SimulatorOptions
from exporter.reloading import Load
from tests.support.programs import (
    answers,
    demo_addresses,
    eventually,
    fetch,
    free_port,
    run_program,
    running,
    surroundings,
)

TASK = r'account="demo",task="[0-9a-f-]{36}"'


def answered(url: str) -> dict[str, str]:
    """Scrape the number of answered calls of each task."""
    return dict(
        re.findall(rf"^yunfu_task_answered_calls{{({TASK})}} (\d+)$", fetch(f"{url}/metrics").text, re.MULTILINE)
    )


def test_the_demo_shows_campaigns_that_move(tmp_path: Path) -> None:
    """Within 15 seconds it serves twenty tasks and more, whose numbers move; it prints where to look and what is there."""
    exporter, simulator, words = demo_addresses()
    url = f"http://{exporter}"
    with running(tmp_path, *words) as program:
        eventually(answers(f"{url}/readyz"), seconds=15)
        page = fetch(f"{url}/metrics").text
        assert len(re.findall(rf"^yunfu_task_up{{{TASK}}} 1$", page, re.MULTILINE)) >= 20
        assert not re.findall(rf"^yunfu_task_up{{{TASK}}} 0$", page, re.MULTILINE)
        assert {*re.findall(r',team="(\w*)"}', page)} == {"sales", "retention"}
        first = answered(url)
        eventually(lambda: sum(first[task] != count for task, count in answered(url).items()) >= 3)
        text = eventually(lambda: program.printed if "yunfu_task_numbers{" in program.printed else "")
        assert text.startswith(f"exporter            {url}/  (metrics: {url}/metrics, service discovery: {url}/sd)\n")
        assert f"simulated platform  http://{simulator}/_control/truth" in text
        assert re.search(r"^\d\d tasks are read every 5 s; simulated time runs 20 times as fast\.$", text, re.MULTILINE)
        for family in ("info", "answer_ratio", "progress_ratio", "numbers"):
            assert f"\nyunfu_task_{family}{{" in text
        assert answers(f"http://{simulator}/_control/truth")()
        assert program.stop(signal.SIGINT) == 0
        assert program.printed.endswith("\nstopped\n")
        assert program.logs == ""


def test_a_demo_of_an_outage_goes_on(tmp_path: Path) -> None:
    """When the simulated platform fails from the start, the demo says that no task is read, and serves on."""
    exporter, _, words = demo_addresses()
    with running(tmp_path, *words, "--fault", "status,status=502") as program:
        eventually(answers(f"http://{exporter}/readyz"))
        eventually(lambda: "0 tasks are read" in program.printed)
        assert 'yunfu_account_up{account="demo"} 0' in fetch(f"http://{exporter}/metrics").text
        assert program.stop() == 0
        assert "Traceback" not in program.logs


@pytest.mark.parametrize(
    ("given", "limit", "others"), [([], 1200, 10), (["--speed=3", "--quota=10", "--others=0"], 30, 0)]
)
def test_the_quota_of_the_demo_is_per_simulated_minute(
    given: list[str], limit: int, others: int, tmp_path: Path
) -> None:
    """The platform grants 60 calls per simulated minute, or as given, and another program uses it as well unless it must not."""
    _, simulator, words = demo_addresses()
    with running(tmp_path, *words, "--tasks=1", *given):
        eventually(answers(f"http://{simulator}/_control/quota"))
        quota = json.loads(fetch(f"http://{simulator}/_control/quota").text)
        assert (quota["limit"], quota["seconds"]) == (limit, 60)
        assert quota["others"]["calls"] >= others
        assert bool(quota["others"]["calls"]) == bool(others)


def test_a_taken_port_is_one_clear_line() -> None:
    """If the exporter's address is taken, it is named, with status 1; the simulator's is tested with `simulate`."""
    _, _, words = demo_addresses()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        words[words.index("--listen") + 1] = address
        done = run_program(*words)
    assert done.returncode == 1
    assert done.stderr == f"yunfu-exporter: cannot listen on {address}: Address already in use\n"


def test_flags_make_the_simulator() -> None:
    """Options, faults and incidents given as flags are there from the start."""
    words = ["--seed=4", "--tasks=7", "--accounts=2", "--sub-accounts=1", "--speed=5", "--scale=0.5", "--quota=9"]
    words += [
        "--opaque-token",
        "--fault",
        "status,status=502,probability=0.1",
        "--fault=throttle,seconds=3,count=5,form=imf_date",
    ]
    words += ["--incident=carrier_block", "--others=3"]
    parser = ArgumentParser()
    demo.add_simulator_options(parser)
    simulator = demo._make_simulator(parser.parse_args(words))
    assert simulator.options == SimulatorOptions(
        seed=4, tasks=7, accounts=2, sub_accounts=1, speed=5, scale=0.5, quota=9, others=3, opaque_token=True
    )
    assert simulator.faults == [
        Fault(kind="status", status=502, probability=0.1),
        Fault(kind="throttle", seconds=3, count=5, form="imf_date"),
    ]
    struck = [task for task in simulator.accounts[0].tasks.values() if task.campaign.incident]
    assert [task.campaign.incident for task in struck] == ["carrier_block"]
    assert struck[0].state(simulator.now()) == "running"


BAD_FLAGS = {
    "--fault=flood": "argument --fault: kind: 'flood' is no fault; expected one of status, throttle, ",
    "--fault=status,when=now": "argument --fault: 'when' is no part of a fault; expected one of task, endpoint, ",
    "--fault=status,count=many": "argument --fault: invalid literal for int() with base 10: 'many'",
    "--fault=status,probability=2": "argument --fault: probability: expected a number from 0 to 1",
    "--tasks=many": "argument --tasks: 'many' is not accepted; expected a whole number, at least 1",
    "--incident=strike": "argument --incident: invalid choice: 'strike' (choose from ",
    "--listen=nowhere": "argument --listen: 'nowhere' is not an address; expected HOST:PORT",
    "--flood": "unrecognized arguments: --flood",
}


@pytest.mark.parametrize("command", ["simulate", "demo"])
@pytest.mark.parametrize("flag", BAD_FLAGS)
def test_bad_flags_are_told_in_one_line(command: str, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """After the usage stands one line with the flag, what is wrong and what is accepted; the exit status is 2."""
    with pytest.raises(SystemExit) as exit_status:
        run([command, flag])
    assert exit_status.value.code == 2
    usage, _, reported = capsys.readouterr().err.partition(f"yunfu-exporter {command}: error: ")
    assert usage.startswith(f"usage: yunfu-exporter {command} ")
    assert reported.startswith(BAD_FLAGS[flag])
    assert reported.count("\n") == 1


@pytest.mark.parametrize(("speed", "pace"), [("0.5", 1.0), ("20", 20.0), ("600", 60.0)])
async def test_the_demo_judges_tasks_at_its_pace(monkeypatch: pytest.MonkeyPatch, speed: str, pace: float) -> None:
    """As fast as its rules run, so that the page says what the alerts say."""
    made: list[Daemon] = []

    def make(settings: Settings, tokens: dict[str, Token], load: Load, *, pace: float) -> Daemon:
        made.append(make_daemon(settings, tokens, load, pace=pace))
        raise InterruptedError

    monkeypatch.setattr(demo, "make_daemon", make)
    parser = ArgumentParser()
    demo.add_demo_options(parser)
    words = [f"--simulator-listen=127.0.0.1:{free_port()}", "--tasks=1", f"--speed={speed}"]
    with pytest.raises(InterruptedError):
        await demo._demo(parser.parse_args(words))
    assert [daemon._running.around.store.pace for daemon in made] == [pace]


async def test_simulate_serves_what_it_prints() -> None:
    """The command prints its address and each account's variables, serves them, and ends well at SIGTERM."""
    words = ["simulate", f"--listen=127.0.0.1:{free_port()}", "--tasks=3", "--accounts=2"]
    process = await create_subprocess_exec(
        sys.executable, "-m", "exporter", *words, stdout=subprocess.PIPE, env=surroundings()
    )
    assert process.stdout is not None
    try:
        lines = [(await process.stdout.readline()).decode() for _ in range(3)]
        assert lines[0].startswith("simulated platform at http://127.0.0.1:")
        async with aiohttp.ClientSession() as session:
            for line in lines[1:]:
                shown = dict(word.split("=", 1) for word in line.split())
                url = f"{shown['YUNFU_BASE_URL']}/agent-api/new/user/{shown['YUNFU_USER_ID']}/task"
                headers = {"Authorization": f"Bearer {shown['YUNFU_TOKEN']}"}
                async with session.get(url, headers=headers) as response:
                    assert len((await response.json())["data"]) == 2
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0


async def test_demo_shows_a_task_and_where_to_look() -> None:
    """The demonstration prints its URLs and a task's lines, serves metrics of all tasks, and ends well at SIGINT."""
    listen = f"127.0.0.1:{free_port()}"
    words = ["demo", f"--listen={listen}", f"--simulator-listen=127.0.0.1:{free_port()}", "--tasks=4"]
    process = await create_subprocess_exec(
        sys.executable, "-m", "exporter", *words, stdout=subprocess.PIPE, env=surroundings()
    )
    assert process.stdout is not None
    try:
        printed = ""
        while "yunfu_task_numbers{" not in printed:
            line = (await process.stdout.readline()).decode()
            assert line, printed
            printed += line
        assert f"http://{listen}/metrics" in printed
        assert "\n4 tasks are " in printed
        async with aiohttp.ClientSession() as session, session.get(f"http://{listen}/metrics") as response:
            up = re.findall(r"^yunfu_task_up\{.*\} 1$", await response.text(), re.MULTILINE)
            assert len(up) == 4
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = await process.communicate()
    assert (process.returncode, rest.decode().splitlines()[-1]) == (0, "stopped")
