"""The daemon as users run it: started as a process, asked over HTTP, stopped by signals."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from exporter import __version__, revision
from exporter.daemon import make_surroundings
from exporter.demo.simulator import Fault
from exporter.metrics.clock import SteadyClock
from exporter.metrics.exposition import TaskRenderer
from tests.support.programs import (
    Platform,
    Program,
    answers,
    eventually,
    fetch,
    free_address,
    free_port,
    run_program,
    running,
    surroundings,
    write_config,
)
from tests.support.samples import find
from tests.support.tools import ROOT

LOGFMT = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^ "=]+)(?: |$)')


def read_logs(text: str, line_format: str) -> list[dict[str, str]]:
    """Parse log lines; fail at one that is not valid."""
    if line_format == "json":
        return [json.loads(line) for line in text.splitlines()]
    lines = []
    for line in text.splitlines():
        assert LOGFMT.sub("", line) == "", line
        lines.append({k: json.loads(v) if v.startswith('"') else v for k, v in LOGFMT.findall(line)})
    return lines


def messages(program: Program, line_format: str = "logfmt") -> list[str]:
    """Return what the lines logged so far say, but those about the start: the first round may take long on a busy machine."""
    lines = [line["msg"] for line in read_logs(program.logs, line_format)]
    start = ("starting", "account is polled", "first round done", "ready, although")
    return [line for line in lines if not line.startswith(start)]


def test_ages_go_by_the_steady_clock_and_days_by_the_system_s() -> None:
    """What is stale is judged by the clock that is given; what day it is, by the system's."""
    around = make_surroundings(TaskRenderer(), 300.0, SteadyClock(lambda: 1000.0, lambda: 0.0))
    assert around.store.clock() == 1000
    assert around.clock() == pytest.approx(time.time(), abs=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(number: signal.Signals, platform: Platform, tmp_path: Path) -> None:
    """SIGTERM and SIGINT end it with status 0, a line in the log and nothing on standard output."""
    config = write_config(tmp_path / "c", platform.account(), listen=f"127.0.0.1:{free_port()}")
    with running(tmp_path, "serve", "--config", str(config)) as program:
        eventually(lambda: "serving" in program.logs)  # from its first moment on
        assert program.stop(number) == 0
        assert messages(program) == ["serving", "stopping"]
        assert program.out.read_bytes() == b""


def test_the_log_says_what_has_been_started(platform: Platform, tmp_path: Path) -> None:
    """It names the version, the files, the accounts and how they serve, and how the first round went; no address of a platform."""
    task = next(iter(platform.simulator.accounts[0].tasks))
    platform.simulator.faults.append(Fault(kind="status", status=404, task=task))
    account = platform.account()
    config = write_config(tmp_path / "c.yaml", account, {**account, "name": "other", "tasks": [], "discovery": {}})
    address = free_address()
    with running(tmp_path, "--config", str(config), "--listen", address) as program:
        eventually(lambda: "first round done" in program.logs)
        starting, *accounts, serving, done = (
            {name: value for name, value in line.items() if name not in ("ts", "level")}
            for line in read_logs(program.logs, "logfmt")
            if line["level"] == "info"
        )
    assert starting == {"msg": "starting", "version": __version__, "revision": revision(), "files": str(config)}
    tasks = str(len(platform.simulator.accounts[0].tasks))
    assert accounts == [
        {"msg": "account is polled", "account": "main", "listed_tasks": tasks, "discovery": "off"},
        {"msg": "account is polled", "account": "other", "listed_tasks": "0", "discovery": "on"},
    ]
    assert serving == {"msg": "serving", "listen": address, "tls": "off"}
    assert float(done.pop("seconds")) >= 0
    assert done == {"msg": "first round done", "polled": str(2 * int(tasks)), "failed": "2"}
    assert platform.url not in program.logs


def test_it_stops_while_everything_hangs(platform: Platform, tmp_path: Path) -> None:
    """With calls, a probe and an idle connection under way it still stops long before a call would time out."""
    platform.simulator.faults.append(Fault(kind="slow_headers", seconds=60))
    port = free_port()
    poll = {"interval": "20s", "idle_interval": "20s", "timeout": "30s", "stale_after": "60s"}
    config = write_config(tmp_path / "c", platform.account(), listen=f"127.0.0.1:{port}", poll=poll)
    with running(tmp_path, "--config", str(config)) as program:
        eventually(answers(f"http://127.0.0.1:{port}/healthz"))
        task = next(iter(platform.simulator.accounts[0].tasks))
        calls = platform.simulator.calls["stat"]
        with (
            socket.create_connection(("127.0.0.1", port)) as idle,
            socket.create_connection(("127.0.0.1", port)) as one,
        ):
            one.sendall(f"GET /probe?account=main&task={task} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            eventually(lambda: platform.simulator.calls["stat"] > calls or platform.simulator.calls["stat"] >= 5)
            begin = time.monotonic()
            assert program.stop() == 0
            assert time.monotonic() - begin < 5
            one.settimeout(5)
            idle.settimeout(5)
            assert idle.recv(1) == b""
        assert "Traceback" not in program.logs
        assert "traceback" not in program.logs


def test_it_serves_at_once_and_is_ready_within_an_interval(platform: Platform, tmp_path: Path) -> None:
    """With a platform that hangs, /metrics is there from the start and readiness comes after one interval."""
    platform.simulator.faults.append(Fault(kind="slow_headers", seconds=60))
    url = f"http://127.0.0.1:{free_port()}"
    poll = {"interval": "2s", "idle_interval": "2s", "timeout": "30s", "stale_after": "60s"}
    config = write_config(tmp_path / "c", platform.account(), listen=url.removeprefix("http://"), poll=poll)
    with running(tmp_path, "--config", str(config)) as program:
        eventually(answers(f"{url}/readyz", 503))
        begin = time.monotonic()
        assert fetch(f"{url}/metrics").status == 200
        assert fetch(f"{url}/healthz").status == 200
        eventually(answers(f"{url}/readyz"))
        assert time.monotonic() - begin < 4
        said = [line["msg"] for line in read_logs(program.logs, "logfmt")]
        assert said[2:] == ["serving", "ready, although the first round of polls is not complete yet"]


@contextmanager
def silent_connections(*ports: int) -> Iterator[None]:
    """Open connections that say nothing, 250 to each port at once, and again as soon as that is done."""
    stopped = threading.Event()

    def flood() -> None:
        while not stopped.is_set():
            with ExitStack() as stack:
                for port in ports * 250:
                    client = stack.enter_context(socket.socket())
                    client.settimeout(0)
                    client.connect_ex(("127.0.0.1", port))
                stopped.wait(2)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@pytest.mark.parametrize("open_files", [64, 256, 1024, 65536])
def test_a_flood_leaves_descriptors_for_everything_else(open_files: int, platform: Platform, tmp_path: Path) -> None:
    """Whatever the limit of open files: while calls hang and silent connections come, health and scrapes are answered, and nothing is logged of it."""
    if open_files > resource.getrlimit(resource.RLIMIT_NOFILE)[1]:
        pytest.skip("the machine does not allow so many open files")
    platform.simulator.faults.append(Fault(kind="slow_headers", seconds=60))
    main, health = free_port(), free_port()
    accounts = [platform.account(f"a{number}", concurrency=60) for number in range(3)]
    more: dict[str, Any] = {"listen": f"127.0.0.1:{main}", "health_listen": f"127.0.0.1:{health}"}
    config = write_config(tmp_path / "c", *accounts, **more)
    with running(tmp_path, "serve", "--config", str(config), open_files=open_files) as program:
        eventually(answers(f"http://127.0.0.1:{health}/healthz"))
        took = []
        with silent_connections(main, health):
            for _ in range(40):
                begin = time.monotonic()
                assert fetch(f"http://127.0.0.1:{health}/healthz").status == 200
                took.append(time.monotonic() - begin)
                assert fetch(f"http://127.0.0.1:{main}/metrics").status == 200
        assert statistics.median(took) < 0.25
        kinds = {message.split(",")[0] for message in messages(program)}
        assert kinds - {"fewer concurrent API calls than configured", "calls fail"} == {"serving"}
        assert program.stop() == 0


def test_more_accounts_than_descriptors_are_one_clear_line(platform: Platform, tmp_path: Path) -> None:
    """A process that may not open enough files for its accounts does not start, with status 2 and what to do."""
    config = write_config(tmp_path / "c", *(platform.account(f"a{number}") for number in range(30)))
    with running(tmp_path, "--config", str(config), "--listen", f":{free_port()}", open_files=64) as program:
        assert program.process.wait(20) == 2
        *start, last = program.logs.splitlines()
        assert last.startswith("yunfu-exporter: accounts: 30 are too many for a process that may open 64 files")
        assert ["msg=starting" in line for line in start] == [True]


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    """An address that cannot be had ends it with status 1 and the address in the one line after that of the start."""
    account = {"name": "a", "base_url": "http://127.0.0.1:9", "user_id": "40863af8-db4a-41c6-a269-eb5bc386d97f"}
    config = write_config(tmp_path / "c", {**account, "token": "x", "discovery": {}})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        main = run_program("--config", str(config), "--listen", address)
        beside = f"127.0.0.1:{free_port()}"
        health = run_program("--config", str(config), "--listen", beside, "--health_listen", address)
    for done in (main, health):
        start, error = done.stderr.splitlines()
        assert " msg=starting " in start
        assert (done.returncode, error) == (1, f"yunfu-exporter: cannot listen on {address}: Address already in use")


def test_several_addresses_and_one_for_health_alone(platform: Platform, tmp_path: Path) -> None:
    """Each address of listen serves everything, IPv6 too; health_listen serves the two health paths and no other."""
    ports = [free_port() for _ in range(3)]
    listen = [f"127.0.0.1:{ports[0]}", f"[::1]:{ports[1]}"]
    health = f"127.0.0.1:{ports[2]}"
    config = write_config(tmp_path / "c", platform.account(), listen=listen, health_listen=health)
    with running(tmp_path, "serve", "--config", str(config)) as program:
        for address in listen:
            eventually(answers(f"http://{address}/readyz"))
            assert "yunfu_task_up{" in fetch(f"http://{address}/metrics").text
        assert [fetch(f"http://{health}{path}").status for path in ("/healthz", "/readyz")] == [200, 200]
        others = ("/", "/metrics", "/probe", "/sd", "/-/reload")
        assert [fetch(f"http://{health}{path}").status for path in others] == [404] * 5
        assert fetch(f"http://{health}/-/reload", "POST").status == 404
        [serving] = [line for line in read_logs(program.logs, "logfmt") if line["msg"] == "serving"]
        assert serving["listen"] == " ".join(listen)


@pytest.mark.parametrize("line_format", ["logfmt", "json"])
def test_the_log_tells_changes_and_no_polls(line_format: str, platform: Platform, tmp_path: Path) -> None:
    """Hundreds of polls add no line; an outage of all tasks adds one when it begins and one when it ends."""
    simulator, url = platform.simulator, f"http://127.0.0.1:{free_port()}"
    log: dict[str, Any] = {"level": "info", "format": line_format}
    config = write_config(tmp_path / "c", platform.account(), listen=url.removeprefix("http://"), log=log)

    def polls(more: int) -> None:
        enough = simulator.calls["stat"] + more
        eventually(lambda: simulator.calls["stat"] >= enough)

    with running(tmp_path, "--config", str(config)) as program:
        polls(100)
        assert messages(program, line_format) == ["serving"]
        simulator.faults.append(Fault(kind="status", status=502))
        polls(12)
        assert messages(program, line_format) == ["serving", "calls fail"]
        simulator.faults.clear()
        eventually(lambda: len(messages(program, line_format)) == 3)
        polls(50)
        assert messages(program, line_format)[2:] == ["calls no longer fail for this reason"]
        lines = read_logs(program.logs, line_format)
        lines = lines[[line["msg"] for line in lines].index("calls fail") - 1 :]
        assert [line["level"] for line in lines] == ["info", "warning", "info"]
        assert lines[1]["reason"] == "http_5xx"
        assert lines[1]["error"] == "the platform answered HTTP 502 Bad Gateway"
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"]) for line in lines)
        assert program.stop() == 0


def test_a_changed_token_file_is_taken_up_without_a_restart(platform: Platform, tmp_path: Path) -> None:
    """A refused token holds the account back; a new content of the file is in force within seconds."""
    url, token = f"http://127.0.0.1:{free_port()}", tmp_path / "token"
    token.write_text("expired")
    account = platform.account(token_file=str(token))
    del account["token"]
    config = write_config(tmp_path / "c", account, listen=url.removeprefix("http://"))
    with running(tmp_path, "--config", str(config)) as program:
        eventually(lambda: "http_401" in program.logs)
        assert 'yunfu_account_up{account="main"} 0' in fetch(f"{url}/metrics").text
        token.write_text(platform.simulator.accounts[0].token)
        eventually(lambda: 'yunfu_account_up{account="main"} 1' in fetch(f"{url}/metrics").text)
        eventually(lambda: "token file changed; the new token is in use" in messages(program))
        assert program.stop() == 0


DEAD_NAMES = """
import socket, time
real = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **named: (
    time.sleep(600) if str(host).endswith(".test") else real(host, *more, **named)
)
from exporter.__main__ import main
main()
"""
"""Runs the words that follow where no look-up of a name below .test ever comes back, as with name servers that are gone."""


def test_look_ups_that_never_come_back_hold_nothing_up(platform: Platform, tmp_path: Path) -> None:
    """With eight accounts' names dead, gzip scrapes, reloads and another account go on, and SIGTERM ends it at once."""
    url = f"http://127.0.0.1:{free_port()}"
    dead = [platform.account(f"dead{number}", base_url=f"http://dead{number}.test") for number in range(8)]
    address = url.removeprefix("http://")
    config = write_config(tmp_path / "c", *dead, platform.account(), listen=address)
    words = (sys.executable, "-c", DEAD_NAMES, "--config", str(config))
    with subprocess.Popen(words, cwd=ROOT, env=surroundings(), stderr=subprocess.DEVNULL) as process:
        try:
            eventually(answers(f"{url}/healthz"))
            eventually(lambda: 'yunfu_account_up{account="main"} 1' in fetch(f"{url}/metrics").text)
            for _ in range(3):
                assert fetch(f"{url}/metrics", headers={"Accept-Encoding": "gzip"}).status == 200
                assert fetch(f"{url}/-/reload", "POST").status == 200
            process.terminate()
            assert process.wait(5) == 0
        finally:
            process.kill()


def count_calls(url: str, account: str) -> float:
    """Scrape, and return how many statistics calls an account has made."""
    name = "yunfu_exporter_api_request_duration_seconds_count"
    return find(fetch(f"{url}/metrics").text, name, account=account, endpoint="stat") or 0


def test_files_that_never_answer_hold_nothing_up(platform: Platform, tmp_path: Path) -> None:
    """With tokens, CA, web and configuration files turned into pipes, scrapes, reloads, accounts and the end go on."""
    url, token, web = f"http://127.0.0.1:{free_port()}", tmp_path / "token", tmp_path / "web.yml"
    authority, config = tmp_path / "ca.pem", tmp_path / "config.yaml"
    token.write_text(platform.simulator.accounts[0].token)
    web.write_text("{}")
    trustme.CA().cert_pem.write_to_path(authority)
    piped = platform.account("piped", token_file=str(token), ca_file=str(authority))
    del piped["token"]
    address = url.removeprefix("http://")
    write_config(config, piped, platform.account(), listen=address, web_config_file=str(web), auto_reload=True)
    with running(tmp_path, "--config", str(config)) as program:
        eventually(answers(f"{url}/readyz"))
        for file in (token, authority, web, config):
            os.mkfifo(tmp_path / "pipe")
            (tmp_path / "pipe").replace(file)
            reply = fetch(f"{url}/-/reload", "POST")
            assert reply.status == 500
            assert "ot a regular file" in reply.text, file
            for name in ("piped", "main"):
                before = count_calls(url, name)
                eventually(lambda name=name, before=before: count_calls(url, name) > before)  # type: ignore[misc]
        eventually(lambda: "token file cannot be read; the previous token stays in use" in program.logs)
        eventually(lambda: "CA file cannot be used; the previous certificates stay in use" in program.logs)
        eventually(lambda: "web configuration is broken; the previous one stays in use" in program.logs)
        program.process.terminate()
        assert program.process.wait(5) == 0


def test_a_log_that_nobody_reads_holds_nothing_up(platform: Platform, tmp_path: Path) -> None:
    """With standard error a full pipe, the page answers, lines are counted as dropped, and SIGTERM ends it at once."""
    url = f"http://127.0.0.1:{free_port()}"
    poll = {"interval": "5ms", "idle_interval": "5ms", "timeout": "5s", "stale_after": "60s"}
    more = {"log": {"level": "debug"}, "poll": poll}  # a line per poll
    config = write_config(tmp_path / "c", platform.account(), listen=url.removeprefix("http://"), **more)
    reader, writer = os.pipe()
    command = (sys.executable, "-m", "exporter", "--config", str(config))
    with subprocess.Popen(command, cwd=ROOT, env=surroundings(), stderr=writer) as process:
        try:
            os.close(writer)
            eventually(answers(f"{url}/healthz"))
            eventually(lambda: find(fetch(f"{url}/metrics").text, "yunfu_exporter_log_lines_dropped_total"), 60)
            process.terminate()
            assert process.wait(5) == 0
        finally:
            process.kill()
            os.close(reader)
