"""Helpers for tests of the running program: the program, the platform it asks, HTTP, and waiting with a deadline."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Final, TypeVar
from urllib.parse import urlsplit

from exporter.demo.simulator import Simulator, SimulatorOptions
from tests.support.tools import ROOT

PATIENCE_SECONDS = 20.0
PORTS: Final = iter(SystemRandom().sample(range(10_000, 32_000), 22_000))
T = TypeVar("T")


def eventually(look: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """Return the first true result of ``look``, called again and again; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"after {seconds:g} s still {seen!r}"
        time.sleep(0.03)
    return seen


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on, another one each time.

    It is below those that the kernel gives to connections, which would take one before a slow program listens on it.
    """
    return next(port for port in PORTS if is_free(port))


def is_free(port: int) -> bool:
    """Return whether nobody listens on a port of the loopback interface."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def free_address() -> str:
    """Return an address of the loopback interface on which nobody listens."""
    return f"127.0.0.1:{free_port()}"


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; header names are as sent, values by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


def fetch(
    url: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    seconds: float = PATIENCE_SECONDS,
) -> Reply:
    """Make one request on a new connection; nothing is decompressed. Raises OSError."""
    parts = urlsplit(url)
    connection = (
        http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
        if tls is None
        else http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=seconds, context=tls)
    )
    try:
        connection.request(method, f"{parts.path or '/'}{parts.query and f'?{parts.query}'}", headers=headers or {})
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def answers(url: str, status: int = 200) -> Callable[[], Reply | None]:
    """Look whether a URL answers with a status, for ``eventually``."""

    def look() -> Reply | None:
        try:
            reply = fetch(url)
        except OSError:
            return None
        return reply if reply.status == status else None

    return look


@dataclass
class Program:
    """The exporter running as a separate process, its output in files."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    @property
    def logs(self) -> str:
        """What it wrote to standard error so far."""
        return self.err.read_text()

    @property
    def printed(self) -> str:
        """What it wrote to standard output so far."""
        return self.out.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


def surroundings(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a program: this one's without a language and settings of the exporter, Python or make, and what is added."""
    foreign = (
        "YUNFU_",
        "PYTHON",
        "MAKE",
        "ARGS",
        "LANG",
        "LC_",
    )  # make test ARGS=-x is not meant for a make that a test runs
    return {k: v for k, v in os.environ.items() if not k.startswith(foreign)} | dict(more or {})


def run_program(*words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = (sys.executable, "-m", "exporter", *words)
    return subprocess.run(
        command, cwd=ROOT, env=surroundings(env), capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def running(
    directory: Path, *words: str, env: Mapping[str, str] | None = None, open_files: int | None = None
) -> Iterator[Program]:
    """Run a command beside the test, if given with a limit of open files; it is killed at the end if it still runs."""
    out, err = directory / f"out-{time.monotonic_ns()}", directory / f"err-{time.monotonic_ns()}"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        limited = () if open_files is None else ("sh", "-c", f'ulimit -n {open_files} && exec "$@"', "sh")
        command = (*limited, sys.executable, "-m", "exporter", *words)
        with subprocess.Popen(command, cwd=ROOT, env=surroundings(env), stdout=stdout, stderr=stderr) as process:
            try:
                yield Program(process, out, err)
            finally:
                process.kill()


@dataclass
class Platform:
    """A simulated platform, served by a thread of the test's process."""

    simulator: Simulator
    url: str

    def account(self, name: str = "main", index: int = 0, **more: object) -> dict[str, object]:
        """Return the settings of one of its accounts, all its tasks listed."""
        account = self.simulator.accounts[index]
        tasks: Sequence[object] = [{"id": task} for task in account.tasks]
        given = {"base_url": self.url, "user_id": account.user_id, "token": account.token, "rate_limit": 1000}
        return {"name": name, **given, "tasks": tasks, **more}


@contextmanager
def simulated(options: SimulatorOptions) -> Iterator[Platform]:
    """Serve a simulated platform for as long as the context lasts."""
    simulator = Simulator(options)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    serving = simulator.serve()
    try:
        yield Platform(simulator, asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result())
    finally:
        asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def write_config(path: Path, *accounts: Mapping[str, object], **more: object) -> Path:
    """Write a configuration file: JSON is YAML. Intervals are short, so that a test sees many polls."""
    poll = {"interval": "50ms", "idle_interval": "50ms", "timeout": "5s", "stale_after": "60s"}
    path.write_text(json.dumps({"accounts": accounts, "poll": poll, **more}))
    return path


def demo_addresses() -> tuple[str, str, list[str]]:
    """Return two free addresses, of a demo's exporter and of its simulator, and the words that set them."""
    exporter, simulator = free_address(), free_address()
    return exporter, simulator, ["demo", "--listen", exporter, "--simulator-listen", simulator]
