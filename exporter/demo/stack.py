"""The stack around the demo: Prometheus with the shipped rules, Alertmanager, and Grafana with the shipped dashboards.

Those that are installed run on the loopback for as long as the demo does, with all their data in its directory. Rules,
dashboards and examples are read from the checkout that this module is in; an installed wheel has none.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import shutil
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import aiohttp
import yaml

from exporter.words.demo import DEMO
from exporter.words.terminal import say

CHECKOUT: Final = Path(__file__).parent.parent.parent
STOP_SECONDS: Final = 10.0
PAGE_SECONDS: Final = 10.0
MOST_PACE: Final = 60.0
"""At this pace the shortest windows are ten seconds, and the exporter is scraped twice per second."""

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_MILLISECONDS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PART: Final = re.compile(r"(\d+)(ms|[smhdw])")
_SPAN: Final = re.compile(
    r"(\[|(?<=[smhdw]):|\boffset |^\s*(?:\w+_interval|interval|for|group_wait): )((?:\d+(?:ms|[smhdw]))+)\b",
    re.MULTILINE,
)
_LOOK_SECONDS: Final = 0.2
_WITHOUT_PAGES: Final = re.compile(rb"Debian package of [\w ]+ does not include")
_DASHBOARDS: Final = "/var/lib/grafana/dashboards/yunfu"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where each part of the stack is found, HOST:PORT."""

    exporter: str
    prometheus: str
    alertmanager: str
    grafana: str


def rules_pace(speed: float) -> float:
    """Return how many times as fast as they are written for the rules run, in a demo of some speed."""
    return min(max(speed, 1.0), MOST_PACE)


def accelerate(text: str, pace: float) -> str:
    """Return rules or a configuration for time that runs ``pace`` times as fast, from 1 to MOST_PACE: every span is that much shorter.

    That is spans in brackets and after ``offset`` in PromQL, ``for`` and the intervals. Numbers of seconds that are
    compared with Unix times, such as a token's expiry, stay: those times do not run faster.
    """

    def shorter(match: re.Match[str]) -> str:
        milliseconds = sum(int(n) * _MILLISECONDS[unit] for n, unit in _PART.findall(match[2]))
        return f"{match[1]}{max(1, round(milliseconds / pace))}ms"

    return _SPAN.sub(shorter, text)


def prepare(directory: Path, at: Addresses, pace: float) -> None:
    """Write the shipped configuration of all programs into a directory, with these addresses and that pace.

    Raises FileNotFoundError without a checkout.
    """
    shipped = CHECKOUT / "prometheus"
    if not shipped.is_dir() or not (CHECKOUT / "grafana" / "dashboards").is_dir():
        raise FileNotFoundError(
            "the rules and dashboards are not in the installed package; "
            "for --stack, check out the repository and run: make demo ARGS=--stack"
        )
    (directory / "rules").mkdir()
    for path in (*(shipped / "rules").glob("*.yaml"), shipped / "prometheus.yml"):
        text = accelerate(path.read_text(encoding="utf-8"), pace)
        text = text.replace("yunfu-exporter:10042", at.exporter).replace("alertmanager:9093", at.alertmanager)
        (directory / path.relative_to(shipped)).write_text(text, encoding="utf-8")
    text = (shipped / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
    (directory / "alertmanager.yml").write_text(_notifying_nobody(accelerate(text, pace)), encoding="utf-8")
    for path in (CHECKOUT / "grafana" / "provisioning").glob("*/*.yaml"):
        text = path.read_text(encoding="utf-8").replace(_DASHBOARDS, str(CHECKOUT / "grafana" / "dashboards"))
        target = directory / path.relative_to(CHECKOUT / "grafana")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _notifying_nobody(config: str) -> str:
    """Return a configuration of Alertmanager without what its receivers do: a demo knows nobody, and older versions no robots."""
    settings = yaml.safe_load(config)
    del settings["templates"]
    settings["receivers"] = [{"name": each["name"]} for each in settings["receivers"]]
    return yaml.safe_dump(settings)


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the stack: how it is started and installed, and its pages, the one to look at first.

    Debian's packages lack some of those, hence what to look at instead.
    """

    name: str
    words: Sequence[str]
    install: str
    url: str
    pages: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str | None:
        """The program's path, None if it is not installed."""
        return shutil.which(self.words[0])


def programs(directory: Path, at: Addresses, pace: float) -> list[Program]:
    """Return the programs for what ``prepare`` has written; those that are not installed too."""
    alertmanager = "prometheus-alertmanager" if shutil.which("prometheus-alertmanager") else "alertmanager"
    return [
        Program(
            "prometheus",
            (
                "prometheus", f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'tsdb'}", f"--web.listen-address={at.prometheus}",
                f"--query.lookback-delta={max(1000, 300_000 / pace):.0f}ms", "--log.level=warn",
            ),
            "apt-get install prometheus",
            f"http://{at.prometheus}",
            ("/alerts", "/classic/alerts", "/api/v1/alerts"),
        ),
        Program(
            "alertmanager",
            (
                alertmanager, f"--config.file={directory / 'alertmanager.yml'}",
                f"--storage.path={directory / 'alertmanager'}", f"--web.listen-address={at.alertmanager}",
                "--cluster.listen-address=", "--log.level=warn",
            ),
            "apt-get install prometheus-alertmanager",
            f"http://{at.alertmanager}",
            ("/", "/api/v2/alerts"),
        ),
        _grafana(directory, at),
    ]  # fmt: skip


def _grafana(directory: Path, at: Addresses) -> Program:
    """Return Grafana, open to everyone on the loopback; it needs the paths of its files."""
    found = shutil.which("grafana") or shutil.which("grafana-server") or "grafana"
    places = (Path(found).resolve().parent.parent, Path("/usr/share/grafana"))
    home = next((place for place in places if (place / "conf" / "defaults.ini").is_file()), places[-1])
    words = [found, *(["server"] if Path(found).name == "grafana" else []), f"--homepath={home}"]
    host, _, port = at.grafana.rpartition(":")
    environment = {
        "PROMETHEUS_URL": f"http://{at.prometheus}",
        "GF_SERVER_HTTP_ADDR": host,
        "GF_SERVER_HTTP_PORT": port,
        "GF_PATHS_DATA": str(directory / "grafana"),
        "GF_PATHS_LOGS": str(directory / "grafana" / "log"),
        "GF_PATHS_PLUGINS": str(directory / "grafana" / "plugins"),
        "GF_PATHS_PROVISIONING": str(directory / "provisioning"),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Editor",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_LOG_MODE": "console",
    }
    install = "https://grafana.com/docs/grafana/latest/setup-grafana/"
    page = say(DEMO["overview"])
    return Program("grafana", words, install, f"http://{at.grafana}", (page,), environment)


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs around the exporter, and what is missing. Time runs ``pace`` times as fast as the rules are written for."""

    programs: Sequence[Program]
    pace: float

    def shortened(self, seconds: float) -> float:
        """Return how long a span of seconds is at this pace."""
        return seconds / self.pace

    @property
    def grafana_url(self) -> str | None:
        """Grafana's address, if it is installed."""
        return next((each.url for each in self.programs if each.name == "grafana" and each.path), None)


async def find_page(program: Program) -> str:
    """Return the URL of the first page that a running program has; of the first one, if it does not answer in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PAGE_SECONDS), aiohttp.ClientSession() as session:
            while True:
                for page in program.pages:
                    url = f"{program.url}{page}"
                    answer = await _ask(session, url)
                    if answer == HTTPStatus.OK:
                        return url
                    if answer != HTTPStatus.NOT_FOUND:
                        break  # it is not ready yet, so it may have the page that it does not show now
                await asyncio.sleep(_LOOK_SECONDS)
    return f"{program.url}{program.pages[0]}"


async def _ask(session: aiohttp.ClientSession, url: str) -> int | None:
    """Return the status of a page, 404 if it only says that the package has no pages; None if nothing answers."""
    try:
        async with session.get(url) as response:
            has_none = _WITHOUT_PAGES.search(await response.read())
            return HTTPStatus.NOT_FOUND if has_none else response.status
    except aiohttp.ClientError:
        return None


@asynccontextmanager
async def standing(exporter: str, first_port: int, speed: float) -> AsyncIterator[Stack]:
    """Run what is installed around an exporter (HOST:PORT) on three ports of the loopback, with the data in a temporary directory.

    Raises FileNotFoundError without a checkout.
    """
    pace = rules_pace(speed)
    at = Addresses(exporter, *(f"127.0.0.1:{first_port + offset}" for offset in range(3)))
    with TemporaryDirectory(prefix="yunfu-demo-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        prepare(directory, at, pace)
        stack = Stack(programs(directory, at, pace), pace)
        async with running([program for program in stack.programs if program.path], directory):
            yield stack


@asynccontextmanager
async def running(chosen: Sequence[Program], directory: Path) -> AsyncIterator[None]:
    """Run installed programs for as long as the context lasts; each one's log is in the directory under its name.

    Each has a session, so that Ctrl-C does not reach it: it ends when the context does, and on Linux also when this process
    is killed.
    """
    on_linux = sys.platform == "linux"
    die_with_us = partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGTERM) if on_linux else None
    processes: list[Process] = []
    watchers: list[asyncio.Task[None]] = []
    try:
        for program in chosen:
            log = directory / f"{program.name}.log"
            with log.open("wb") as file:
                process = await asyncio.create_subprocess_exec(
                    *program.words,
                    stdout=file,
                    stderr=file,
                    env={**os.environ, **program.environment},
                    start_new_session=True,
                    preexec_fn=die_with_us,
                )
            processes.append(process)
            watchers.append(asyncio.create_task(_report_end(program.name, process, log)))
        yield
    finally:
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*map(_stop, processes))


async def _report_end(name: str, process: Process, log: Path) -> None:
    """Report that a program ends by itself, with its last line: a port is taken, most often."""
    status = await process.wait()
    print(say(DEMO["ended"], name=name, status=status, line=_last_line(log)), flush=True)


def _last_line(path: Path) -> str:
    return "".join(path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:])


async def _stop(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
