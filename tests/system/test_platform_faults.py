"""The table of faults: real accounts, poller and web handler against the simulator, one row per thing that goes wrong.

Nothing waits for time to pass: the store's clock is moved by hand, holds are looked at and released, and what is to
happen is waited for until a deadline.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from exporter.api import client
from exporter.api.model import Task, TaskRef
from exporter.api.tokens import Token
from exporter.config.settings import Settings
from exporter.demo.simulator import Fault, Simulator, SimulatorOptions
from exporter.demo.simulator.server import Request, Response, listen
from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.instrumentation import AccountCollector, ExporterMetrics
from exporter.metrics.records import TaskStatus
from exporter.metrics.store import Store
from exporter.polling import credentials, poller, schedule
from exporter.polling.account import Account, Surroundings, open_account
from exporter.web.app import make_app
from tests.support.clock import Clock, until
from tests.support.exporter import FakeExporter
from tests.support.tools import need

NOW = 1_751_000_000.0
INTERVAL, STALE_AFTER = 0.05, 300.0
HOST = "platform.invalid"
NOWHERE = 1  # a port on which nothing listens

pytestmark = pytest.mark.usefixtures("short_back_off")


@dataclass(frozen=True)
class Row:
    """A fault, and what it comes to. ``fault`` strikes one task, or says where the platform's name leads.

    ``then`` is how it goes on: "backs off" (the task), "idles" (the task, until it is next looked at as if idle), or the
    seconds that the account is held back.
    """

    name: str
    fault: Fault | str
    reason: str
    then: str | float = "backs off"
    answered: bool = False
    timeout: float = 2.0
    scheme: str = "http"

    @property
    def hold(self) -> float:
        """How long the account is held back, in seconds."""
        return self.then if isinstance(self.then, float) else 0.0


ROWS = [
    Row("refused connection", "nothing", "connect"),
    Row("name not resolved", "no address", "connect"),
    Row("untrusted certificate", "untrusted", "tls", scheme="https"),
    Row("certificate of another host", "other host", "tls", scheme="https"),
    Row("plain HTTP at an https URL", "plain", "tls", scheme="https"),
    Row("reset before the answer", Fault(kind="reset"), "connect"),
    Row("cut in the body", Fault(kind="cut"), "connect"),
    Row("slow headers", Fault(kind="slow_headers", seconds=60), "timeout", timeout=0.6),
    Row("slow body", Fault(kind="drip", seconds=0.05), "timeout", timeout=0.6),
    Row("redirect", Fault(kind="redirect"), "http_3xx"),
    Row("400", Fault(kind="status", status=400), "http_400", answered=True),
    Row("401", Fault(kind="expired_token"), "http_401", 60.0),
    Row("401 for one task", Fault(kind="status", status=401), "http_401", answered=True),
    Row("403", Fault(kind="status", status=403), "http_403", "idles", answered=True),
    Row("404", Fault(kind="status", status=404), "http_404", "idles", answered=True),
    Row("408", Fault(kind="status", status=408), "http_408"),
    Row("422", Fault(kind="status", status=422), "http_422", answered=True),
    Row("429 with seconds", Fault(kind="throttle", seconds=40), "throttled", 40.0),
    Row("429 with a date", Fault(kind="throttle", seconds=40, form="imf_date"), "throttled", 40.0),
    Row("500", Fault(kind="status", status=500), "http_5xx"),
    Row("502 with HTML", Fault(kind="status", status=502), "http_5xx"),
    Row("503", Fault(kind="status", status=503), "http_5xx"),
    Row("over 8 MiB", Fault(kind="too_large"), "malformed"),
    Row("half a gzip stream", Fault(kind="truncated_gzip"), "malformed"),
    Row("half a document", Fault(kind="truncated"), "malformed"),
    Row("not JSON", Fault(kind="not_json"), "malformed"),
    Row("HTML with 200", Fault(kind="html"), "malformed"),
    Row("none of the documented parts", Fault(kind="unknown_format"), "unknown_format", answered=True),
    Row("refusal in the JSON body", Fault(kind="envelope", status=500), "api_error", answered=True),
    Row("401 in the JSON body", Fault(kind="envelope", status=401), "api_error", 60.0),
    Row("401 in the JSON body for one task", Fault(kind="envelope", status=401), "api_error", answered=True),
]


Samples = dict[str, float]
"""Sample values by metric name and labels, such as ``yunfu_task_up{account="struck",task="…"}``."""


class World:
    """Two accounts of two tasks each, polled in earnest; the account "struck" reaches the platform by its name."""

    def __init__(self, simulator: Simulator, other_url: str, row: Row, ca_file: Path | None) -> None:
        self.clock = Clock(NOW)
        self.simulator = simulator
        self.metrics = ExporterMetrics("0", "none")
        renderer = TaskRenderer()
        self.store = Store(renderer, self.clock, STALE_AFTER)
        self.metrics.registry.register(AccountCollector(self.store))
        self.settings = Settings.model_validate(
            {
                "poll": {
                    "interval": INTERVAL,
                    "idle_interval": INTERVAL,
                    "timeout": row.timeout,
                    "stale_after": STALE_AFTER,
                },
                "accounts": [
                    {
                        "name": name,
                        "base_url": url,
                        "user_id": simulated.user_id,
                        "token": simulated.token,
                        "rate_limit": 1000,
                        "ca_file": ca,
                        "tasks": [{"id": task} for task in simulated.tasks],
                    }
                    for simulated, name, url, ca in zip(
                        simulator.accounts,
                        ("struck", "other"),
                        (f"{row.scheme}://{HOST}", other_url),
                        (ca_file, None),
                        strict=True,
                    )
                ],
            }
        )
        self.own = self.struck, self.sibling = tuple(simulator.accounts[0].tasks)
        self.others = tuple(simulator.accounts[1].tasks)
        self.account: Account | None = None
        self.scrape: Callable[[], Awaitable[Samples]]

    @asynccontextmanager
    async def polling(self, token: Token | None = None) -> AsyncIterator[None]:
        """Poll both accounts and serve /metrics for as long as the context lasts."""
        around = Surroundings(self.store, self.metrics, self.clock, random.Random(1))
        async with AsyncExitStack() as stack:
            opened = []
            for settings, simulated in zip(self.settings.accounts, self.simulator.accounts, strict=True):
                given = token if token and settings.name == "struck" else Token(simulated.token)
                opened.append(await stack.enter_async_context(open_account(self.settings, settings, given, around)))
            self.account = opened[0]
            web = await stack.enter_async_context(
                TestClient(TestServer(make_app(FakeExporter(self.store, registry=self.metrics.registry))))
            )
            self.scrape = lambda: _scrape(cast("TestClient[Any, Any]", web))
            running = [asyncio.create_task(account.run()) for account in opened]
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
                await asyncio.wait(running)
            assert all(task.cancelled() for task in running), "polling ended by itself"

    def look_up_anew(self) -> None:
        """Let the struck account forget the platform's address, which aiohttp remembers for ten seconds."""
        if self.account is not None:
            connector = self.account.client._session.connector
            assert isinstance(connector, aiohttp.TCPConnector)
            connector.clear_dns_cache()

    @property
    def labels(self) -> str:
        """The labels of the struck task."""
        return f'account="struck",task="{self.struck}"'

    def look_at_what_failed(self) -> None:
        """Look at the task that failed first; a hold can come before the other one fails."""
        self.struck, self.sibling = sorted(self.own, key=lambda task: self.status(task).up is not False)

    def struck_by(self, row: Row) -> tuple[str, ...]:
        """Return the tasks that a row's fault strikes."""
        return (self.struck,) if isinstance(row.fault, Fault) and not row.hold else self.own

    @property
    def gate(self) -> Any:
        """The struck account's gate."""
        assert self.account is not None
        return self.account.client.gate

    def status(self, task: str) -> TaskStatus:
        """Return what the store holds of a task."""
        record = self.store.record(TaskRef("struck" if task in self.own else "other", task))
        return record.status if record else TaskStatus(Task(TaskRef("", task), min_answer_ratio=0))

    def is_up(self, *tasks: str) -> bool:
        """Tell whether the last polls of tasks worked, with a success at the clock's present time."""
        return all(self.status(task).up and self.status(task).last_success == self.clock.now for task in tasks)

    def failures(self, reason: str) -> float:
        """Return how many calls of the struck account failed for a reason."""
        labels = {"account": "struck", "endpoint": "stat", "reason": reason}
        return self.metrics.registry.get_sample_value("yunfu_exporter_api_failures_total", labels) or 0

    async def others_polled(self, times: int) -> None:
        """Wait until each task of the other account was polled so many times more."""
        calls = self.simulator.calls
        goals = {task: calls[task] + times for task in self.others}
        await until(lambda: all(calls[task] >= goal for task, goal in goals.items()))


async def _scrape(web: TestClient[Any, Any]) -> Samples:
    async with web.get("/metrics") as answer:
        assert answer.status == 200
        families = text_string_to_metric_families(await answer.text())
    samples: Samples = {}
    for family in families:
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            key = f"{sample.name}{{{labels}}}"
            assert key not in samples, f"{key} is there twice"
            samples[key] = sample.value
    return samples


class Names:
    """Where the platform's name leads: the port of something that answers at it, in one way or another."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.port = NOWHERE
        self.has_address = True
        real = socket.getaddrinfo

        def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            if host != HOST:
                return real(host, port, *args, **kwargs)
            if not self.has_address:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", self.port))]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)


class Certificates:
    """Certificates of a made-up authority and of one that nobody knows."""

    def __init__(self, directory: Path) -> None:
        openssl = need("openssl", "apt-get install openssl")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]

        def request(name: str, host: str, *more: str) -> tuple[Path, Path]:
            files = directory / f"{name}.pem", directory / f"{name}.key"
            alternative = ["-addext", f"subjectAltName=DNS:{host}"]
            paths = ["-out", str(files[0]), "-keyout", str(files[1])]
            command = [openssl, "req", "-x509", *key, "-subj", f"/CN={name}", *alternative, *paths, *more]
            subprocess.run(command, check=True, capture_output=True)
            return files

        self.ca_file, ca_key = request("authority", "authority.invalid")
        signed = ["-CA", str(self.ca_file), "-CAkey", str(ca_key), "-addext", "basicConstraints=critical,CA:FALSE"]
        self.contexts = {
            "good": _context(*request("good", HOST, *signed)),
            "other host": _context(*request("elsewhere", "elsewhere.invalid", *signed)),
            "untrusted": _context(*request("stranger", HOST)),
        }


def _context(certificate: Path, key: Path) -> SSLContext:
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make the certificates once."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def short_back_off(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bound the back-off to a test's patience, and note after how many failures in a row each one was asked for."""
    asked: list[int] = []
    real = schedule.back_off

    def bounded(interval: float, failures: int, rng: random.Random) -> float:
        asked.append(failures)
        return min(real(interval, failures, rng), 0.1)

    monkeypatch.setattr(poller, "back_off", bounded)
    return asked


class Platform:
    """The simulated platform at its name; ``break_`` and ``mend`` do what a row says."""

    def __init__(self, row: Row, names: Names, world: World, stack: AsyncExitStack, made: Certificates | None) -> None:
        self._row = row
        self._names = names
        self._world = world
        self._stack = stack
        self._certificates = made
        self._good = AsyncExitStack()

    async def mend(self) -> None:
        """Let the platform be there and well."""
        self._world.simulator.faults.clear()
        if isinstance(self._row.fault, str) or self._names.port == NOWHERE:
            context = self._certificates.contexts["good"] if self._certificates else None
            url = await self._good.enter_async_context(self._world.simulator.serve(context=context))
            self._names.port, self._names.has_address = int(url.rpartition(":")[2]), True
            self._stack.push_async_callback(self._good.aclose)
            self._world.look_up_anew()

    async def break_(self, location: str) -> None:
        """Let happen what the row says; a new address first, so that no other failure can come before."""
        fault = self._row.fault
        if isinstance(fault, Fault):
            account, task = self._world.simulator.accounts[0].user_id, self._world.struck
            self._world.simulator.faults.append(
                replace(fault, account=account, task=None if self._row.hold else task, location=location)
            )
            return
        self._names.port = await self._open(fault)
        self._names.has_address = fault != "no address"
        self._world.look_up_anew()
        await self._good.aclose()

    async def _open(self, kind: str) -> int:
        if kind in {"nothing", "no address"}:
            return NOWHERE
        if kind == "plain":  # what a web server says to a TLS handshake
            server = await asyncio.start_server(_answer_in_plain, "127.0.0.1", 0)
            self._stack.push_async_callback(server.wait_closed)
            self._stack.callback(server.close)
            return int(server.sockets[0].getsockname()[1])
        assert self._certificates is not None
        serving = self._world.simulator.serve(context=self._certificates.contexts[kind])
        return int((await self._stack.enter_async_context(serving)).rpartition(":")[2])


async def _answer_in_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1000)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    writer.close()


@asynccontextmanager
async def opened(row: Row, monkeypatch: pytest.MonkeyPatch, made: Certificates | None) -> AsyncIterator[Any]:
    """Open a world and its platform, well at first; nothing polls yet."""
    simulator = Simulator(SimulatorOptions(tasks=2, accounts=2, speed=0))
    simulator.advance(2 * 3600)
    async with AsyncExitStack() as stack:
        other_url = await stack.enter_async_context(simulator.serve())
        world = World(simulator, other_url, row, made.ca_file if made else None)
        platform = Platform(row, Names(monkeypatch), world, stack, made)
        await platform.mend()
        yield world, platform


def story(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the exporter logged so far."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("exporter")]


def statistics(samples: Samples, task: str) -> Samples:
    """Return the samples of a task that are statistics: they are as old as its last success."""
    lasting = ("info", "state", "up", "last_success_timestamp_seconds", "poll_interval_seconds")
    kept = tuple(f"yunfu_task_{name}{{" for name in lasting)
    return {key: value for key, value in samples.items() if f'task="{task}"' in key and not key.startswith(kept)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_fault(
    row: Row,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
    short_back_off: list[int],
) -> None:
    """The page tells the truth while a fault lasts, nobody else is held up, and it ends by itself when it is over."""
    caplog.set_level(logging.INFO)
    made = request.getfixturevalue("certificates") if row.scheme == "https" else None
    elsewhere = Elsewhere()
    async with elsewhere.served() as url, opened(row, monkeypatch, made) as (world, platform), world.polling():
        await until(lambda: world.is_up(*world.own, *world.others))
        before = await world.scrape()
        assert story(caplog) == []

        await platform.break_(url)
        fails = any if row.hold else all
        await until(lambda: fails(world.status(task).up is False for task in world.struck_by(row)))
        world.clock.now += 100
        world.look_at_what_failed()
        good = statistics(before, world.struck)
        assert good[f"yunfu_task_answered_calls{{{world.labels}}}"] > 0
        await until(lambda: world.is_up(*world.others))
        await (check_hold(world, row) if row.hold else check_retries(world, row, short_back_off))
        await check_page(world, row, good)
        await check_staleness(world, row, good)

        begin, end = BEGIN_AND_END[row.answered]
        assert story(caplog) == [begin]
        is_refused = row.hold == client.REFUSED_TOKEN_SECONDS  # its first call is not yet known to be the account's
        assert short_back_off == ([1] if is_refused else []) or row.then == "backs off"
        await platform.mend()
        world.gate.use_token("another")
        await until(lambda: world.is_up(*world.own, *world.others))
        samples = await world.scrape()
        assert statistics(samples, world.struck) == good
        assert samples[f"yunfu_task_up{{{world.labels}}}"] == 1
        assert samples['yunfu_account_up{account="struck"}'] == 1
        assert story(caplog) == [begin, end]
        told = next(record.__dict__["fields"] for record in caplog.records if record.getMessage() == begin)
        assert (told["account"], told["reason"]) == ("struck", row.reason)
        assert told["task"] in world.struck_by(row)
        assert world.simulator.accounts[0].token not in f"{[record.__dict__ for record in caplog.records]}"
    assert elsewhere.requests == [], "a redirect was followed"


BEGIN_AND_END = {
    True: ("task cannot be read", "task is read again"),
    False: ("calls fail", "calls no longer fail for this reason"),
}


class Elsewhere:
    """Notes who comes where a redirect leads."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        """Answer, and take note of the request and its headers."""
        self.requests.append(request)
        return Response(b"{}")

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Serve for as long as the context lasts; gives the URL."""
        server, port = await listen(self, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            await server.close()


async def check_hold(world: World, row: Row) -> None:
    """See that the account is held back for about as long as it should be, and that no task of it is called."""
    await until(lambda: world.gate.held_seconds("stat") > 0)  # one failure may not be enough for that
    assert row.hold - 8 < world.gate.held_seconds("stat") <= row.hold + 1
    await world.others_polled(2)  # what was under way has ended
    calls = world.simulator.calls.copy()
    await world.others_polled(3)
    assert [world.simulator.calls[task] for task in world.own] == [calls[task] for task in world.own]


async def check_retries(world: World, row: Row, asked: list[int]) -> None:
    """See that what is struck is retried, backing off from failure to failure unless it is taken for idle."""
    struck = world.struck_by(row)
    await until(lambda: world.failures(row.reason) >= 3 * len(struck))
    assert world.gate.held_seconds("stat") == 0
    if len(struck) == 1:
        await until(lambda: world.is_up(world.sibling))
        assert asked == (list(range(1, len(asked) + 1)) if row.then == "backs off" else [])
    assert bool(asked) == (row.then == "backs off")


def failing(samples: Samples) -> list[str]:
    """Return the counters of failures that have counted any."""
    return [key for key, value in samples.items() if key.startswith("yunfu_exporter_api_failures_total") and value]


async def check_page(world: World, row: Row, good: Samples) -> None:
    """See that the page tells that the task is down, since when and why, and keeps the last good values."""
    samples = await world.scrape()
    assert failing(samples) == [
        f'yunfu_exporter_api_failures_total{{account="struck",endpoint="stat",reason="{row.reason}"}}'
    ]
    assert samples[f"yunfu_task_up{{{world.labels}}}"] == 0
    assert samples[f"yunfu_task_last_success_timestamp_seconds{{{world.labels}}}"] == NOW
    assert statistics(samples, world.struck) == good
    is_accounts = bool(row.hold) or isinstance(row.fault, str)
    assert samples['yunfu_account_up{account="struck"}'] == (0 if is_accounts else 1)
    assert samples['yunfu_account_up{account="other"}'] == 1
    assert all(samples[f'yunfu_task_up{{account="other",task="{task}"}}'] == 1 for task in world.others)


async def check_staleness(world: World, row: Row, good: Samples) -> None:
    """See the values go when the success is overdue by stale_after, and the whole task go if it is denied."""
    is_denied = row.reason == "http_404"
    world.clock.now = NOW + STALE_AFTER + (0 if is_denied else INTERVAL)
    assert statistics(await world.scrape(), world.struck) == good
    world.clock.now += 0.01
    samples = await world.scrape()
    assert statistics(samples, world.struck) == {}
    assert samples.get(f"yunfu_task_up{{{world.labels}}}") == (None if is_denied else 0)
    last = samples.get(f"yunfu_task_last_success_timestamp_seconds{{{world.labels}}}")
    assert last == (None if is_denied else NOW)


WELL = Row("well", Fault(kind="expired_token", count=0), "http_401")


def write(directory: Path, token: str) -> None:
    """Change a token file as an editor does."""
    (directory / "token").write_text(token)


def swap(directory: Path, token: str) -> None:
    """Change a token file as the kubelet does: swap the link to the directory that it is in."""
    version = directory / f"..{token[:8]}"
    version.mkdir()
    (version / "token").write_text(token)
    (directory / "..data_tmp").symlink_to(version.name)
    (directory / "..data_tmp").rename(directory / "..data")
    if not (directory / "token").is_symlink():
        (directory / "token").symlink_to("..data/token")


@pytest.mark.parametrize("change", [write, swap])
async def test_a_changed_token_file_ends_the_hold_at_once(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    change: Callable[[Path, str], None],
) -> None:
    """A refused account is called again as soon as its token file is another, however that came about."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(credentials, "WATCH_SECONDS", 0.02)
    change(tmp_path, "planted-revoked")
    async with opened(WELL, monkeypatch, None) as (world, _), world.polling(Token.from_file(tmp_path / "token")):
        await until(lambda: world.gate.held_seconds("stat") > client.REFUSED_TOKEN_SECONDS - 8)
        assert world.failures("http_401")
        expiry = 'yunfu_account_token_expiry_timestamp_seconds{account="struck"}'
        assert expiry not in await world.scrape()
        change(tmp_path, world.simulator.accounts[0].token)
        await until(lambda: world.is_up(*world.own) and world.store.account("struck").token_expiry)
        assert (await world.scrape())[expiry] > NOW
    assert sorted(story(caplog)) == [
        "calls fail",
        "calls no longer fail for this reason",
        "token file changed; the new token is in use",
    ]


async def test_a_refused_account_is_called_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a token that is not changed, a call now and then finds out that it is accepted again."""
    monkeypatch.setattr(client, "REFUSED_TOKEN_SECONDS", 0.1)
    async with opened(WELL, monkeypatch, None) as (world, _), world.polling():
        await until(lambda: world.is_up(*world.own))
        world.simulator.faults.append(Fault(kind="expired_token", account=world.simulator.accounts[0].user_id))
        await until(lambda: world.failures("http_401") >= 3)
        world.simulator.faults.clear()
        world.clock.now += 10
        await until(lambda: world.is_up(*world.own))


@pytest.mark.parametrize(
    ("fault", "holds"),
    [
        (Fault(kind="exhausted", seconds=30), True),
        (Fault(kind="bom"), False),
        (Fault(kind="content_type"), False),
        (Fault(kind="latency", seconds=0.05), False),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
async def test_oddities_are_no_failures(monkeypatch: pytest.MonkeyPatch, fault: Fault, *, holds: bool) -> None:
    """The right answer counts, whatever comes with it; the last call of a quota holds the next ones back."""
    async with opened(WELL, monkeypatch, None) as (world, _):
        world.simulator.faults.append(replace(fault, account=world.simulator.accounts[0].user_id))
        async with world.polling():
            await until(lambda: world.is_up(world.struck) or world.is_up(world.sibling))
            assert (20 < world.gate.held_seconds("stat") <= 30) == holds
            world.gate.use_token("another")
            await until(lambda: world.is_up(*world.own))
            assert failing(await world.scrape()) == []
