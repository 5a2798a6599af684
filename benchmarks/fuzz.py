"""A fuzzer of both sides of the exporter: what a platform may answer, and what a client may ask.

Run: python benchmarks/fuzz.py [PAYLOADS] [REQUESTS] [SEED]     (default: 100000 10000, another seed each time)

Payloads are mutations of the documented answers, PHP's ways of writing them, random JSON and random bytes; each goes
through the real poller into the real store, and the page is parsed by the official library now and then. Requests are
malformed on purpose, and go to a real exporter in a separate process, which must stay quiet, quick and of the same size.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from copy import deepcopy
from math import isfinite
from pathlib import Path
from typing import Any, Final, cast

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.api.client import YunfuClient
from exporter.api.errors import ApiError
from exporter.api.gate import AccountGate, TokenGates
from exporter.api.model import Task, TaskRef, TaskState
from exporter.api.responses import StatResponse, parse_envelope, parse_stat_response
from exporter.api.tokens import Token
from exporter.config.settings import Settings
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.instrumentation import ExporterMetrics
from exporter.metrics.store import Store
from exporter.polling.account import Account, Surroundings
from tests.support.programs import free_port

DATA: Final = Path(__file__).parent.parent / "tests" / "data"
STAT: Final = json.loads((DATA / "stat.json").read_text(encoding="utf-8"))
TASK_LIST: Final = json.loads((DATA / "task_list.json").read_text(encoding="utf-8"))
TASKS: Final = 100
LOOK_EVERY: Final = 1000  # payloads between two looks at the page
AT_ONCE: Final = 20  # connections

ODD_TEXTS: Final = (
    "", " ", "0", "-1", "12", "12.5", "12,5", "1e3", "1e999", "NaN", "Infinity", "null", "None", "true", "0x10", "９",
    "12%", "A级(有明确意向)", "\ud800", "\x00", "\n", '"', "\\", '\\"\n', "{}", "]", "\u202e", "é" * 3000, "a" * 70_000,
    "𝟙", "\ufeff", "# EOF", "yunfu_task_up 1",
)  # fmt: skip
ODD_NUMBERS: Final = (
    0, -0.0, 1, -1, 2**31, 2**63, 2**64, 10**30, -(10**30), 10**400, 0.1, 91.03999999999999, 1e308, -1e308, 1e-320,
    float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"0": {}},
    [[[[[]]]]],
    *ODD_TEXTS,
    *ODD_NUMBERS,
)


def random_json(rng: random.Random, depth: int = 0) -> Any:
    """Make any JSON value, odd ones above all."""
    kind = rng.random()
    if depth > 5 or kind < 0.5:
        return deepcopy(rng.choice(ODD))
    if kind < 0.75:
        return [random_json(rng, depth + 1) for _ in range(rng.randrange(5))]
    names = ("count", "name", "status", "percent", "total", "answered", "data", "code", "1", "", "\n")
    return {rng.choice(names): random_json(rng, depth + 1) for _ in range(rng.randrange(5))}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in a value, with each of its keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from places(inner)


def mutate(rng: random.Random, value: Any) -> Any:
    """Change a few places of a value: other kinds, other numbers, gone, twice, or put somewhere else."""
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        found = [*places(value)]
        if not found:
            return random_json(rng)
        inside, key = rng.choice(found)
        match rng.randrange(6):
            case 0:
                inside[key] = random_json(rng)
            case 1:
                inside[key] = deepcopy(rng.choice(ODD))
            case 2:
                del inside[key]
            case 3:
                inside[key] = as_php(rng, inside[key])
            case 4:
                other, its_key = rng.choice(found)
                inside[key] = deepcopy(other[its_key] if rng.random() < 0.3 else [inside[key]] * rng.randrange(4))
            case _:
                inside[key] = str(inside[key]) if rng.random() < 0.8 else {"value": inside[key]}
    return value


def as_php(rng: random.Random, value: Any) -> Any:
    """Write a value as PHP may: numbers as text, empty maps as lists, lists with a gap as maps, false for nothing."""
    if isinstance(value, dict):
        return {key: as_php(rng, each) for key, each in value.items()} if value else []
    if isinstance(value, list):
        written = [as_php(rng, each) for each in value]
        return {str(index + 1): each for index, each in enumerate(written)} if rng.random() < 0.5 else written
    if isinstance(value, bool):
        return rng.choice((value, int(value), str(int(value))))
    if isinstance(value, int | float):
        return rng.choice((value, str(value), f"{value}.0", f" {value}"))
    return False if value is None and rng.random() < 0.5 else value


def damage(rng: random.Random, body: bytes) -> bytes:
    """Cut, flip or stuff the bytes of a body."""
    at = rng.randrange(len(body) + 1)
    match rng.randrange(6):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + rng.randbytes(rng.randrange(1, 20)) + body[at:]
        case 2:
            return b"\xef\xbb\xbf" * rng.randrange(1, 3) + body
        case 3:
            return body.decode("utf-8", "replace").encode(rng.choice(("gbk", "utf-16", "utf-8-sig")), "replace")
        case 4:
            return b"[" * rng.choice((10, 100_000)) + body
        case _:
            return rng.randbytes(rng.randrange(200))


def payload(rng: random.Random, sample: Any) -> bytes:
    """Make a body that a platform might answer, or that something between it and us might make of it."""
    value = json.loads(json.dumps(sample))
    kind = rng.random()
    if kind < 0.1:
        value = random_json(rng)
    elif kind < 0.2:
        value["data"] = random_json(rng)
    elif kind < 0.35:
        value["data"] = as_php(rng, value["data"])
    elif kind < 0.9:
        value = mutate(rng, value)
    body = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    return damage(rng, body) if rng.random() < 0.15 else body


ACCOUNT: Final = {
    "name": "main",
    "base_url": "http://h",
    "user_id": "40863af8-db4a-41c6-a269-eb5bc386d97f",
    "token": "t",
    "discovery": {"sub_accounts": True, "states": ["running", "waiting", "paused"]},
    "tasks": [{"id": f"{n:08x}-0000-0000-0000-000000000000"} for n in range(TASKS)],
}


class Hostile:
    """A client whose platform answers one payload to everything."""

    def __init__(self) -> None:
        self.body = b""
        self.gate = AccountGate(
            TokenGates(),
            account="main",
            base_url="http://h",
            token="t",  # noqa: S106  # nothing answers to it
            configured=60_000,
            concurrency=8,
            waited=lambda _: None,
        )

    def through(self, *_: object) -> Hostile:
        """Return a client for probes, of which there are none."""
        return self

    async def stat(self, _: TaskRef, __: object = None, known: bytes = b"") -> StatResponse:
        """Answer the payload as statistics."""
        return parse_stat_response(self.body, known)

    async def get(self, _: str, __: str, ___: object, read: Callable[[Mapping[str, Any]], Any]) -> Any:
        """Answer the payload as a page of a list."""
        return read(parse_envelope(self.body))


class Broken(logging.Handler):
    """Keeps what is logged of faults of our own, which the exporter survives and this must not."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record with a traceback."""
        if record.exc_info:
            self.faults.append(self.format(record))


def resident_mib(pid: int | str = "self") -> float:
    """Return the resident memory of a process (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 2**20


def check_page(page: Page, store: Store) -> int:
    """Parse the page in both formats as Prometheus' own library does; return the number of samples."""
    records, count = store.records(), 0
    for openmetrics, parse in ((False, parse_text), (True, parse_openmetrics)):
        text = b"".join(page.pieces(records, time.time(), openmetrics=openmetrics)).decode()
        seen = set()
        for family in parse(text):
            for sample in family.samples:
                key = (sample.name, *sorted(sample.labels.items()))
                assert key not in seen, f"twice: {key}"
                assert isfinite(sample.value) or "_bucket" in sample.name, key
                seen.add(key)
        count = len(seen)
    return count


async def fuzz_payloads(count: int, rng: random.Random) -> None:
    """Let the poller read payloads, a fifth of them the discovery, and look at the page."""
    broken = Broken()
    logging.getLogger().handlers = [broken]
    client = Hostile()
    renderer = TaskRenderer()
    store, metrics = Store(renderer, time.time, 300), ExporterMetrics("fuzz", "")
    settings = Settings.model_validate({"accounts": [ACCOUNT]})
    around = Surroundings(store, metrics, time.time, rng)
    account = Account(settings, settings.accounts[0], cast("YunfuClient", client), Token("t"), around)
    tasks = [
        Task(TaskRef("main", f"{n:08x}-0000-0000-0000-000000000000"), min_answer_ratio=0.2, state=TaskState.RUNNING)
        for n in range(TASKS)
    ]
    page = Page(renderer, metrics.registry)
    outcomes: Counter[str] = Counter()
    samples, memory, start = 0, 0.0, time.monotonic()
    for number in range(count):
        if rng.random() < 0.2:
            client.body = payload(rng, TASK_LIST)
            try:
                await account.discover()
                outcomes["list read"] += 1
            except ApiError as error:
                outcomes[f"list {error.reason}"] += 1
        else:
            client.body = payload(rng, STAT)
            task = rng.choice(tasks)
            account.poller.update([task])
            await account.poller.poll_all()
            record = store.record(task.ref)
            assert record is not None
            outcomes[f"statistics {failure.reason if (failure := record.status.failure) else 'read'}"] += 1
        if number % LOOK_EVERY == LOOK_EVERY - 1 or number == count - 1:
            samples = max(samples, check_page(page, store))
        if number == count // 5:
            memory = resident_mib()
    grown = resident_mib() - memory
    print(
        f"payloads: {count:,} in {time.monotonic() - start:.0f} s, no exception; pages of up to {samples:,} samples parsed"
    )
    print("  " + ", ".join(f"{outcome} {each:,}" for outcome, each in sorted(outcomes.items())))
    print(f"  memory at the end {memory + grown:.0f} MiB, since the first fifth {grown:+.1f} MiB")
    assert not broken.faults, broken.faults[0]
    assert grown < 64, "memory grows"


METHODS: Final = (
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PRI",
    "get",
    "G\0T",
    "",
    "X" * 9000,
)
PATHS: Final = (
    "/", "/metrics", "/probe", "/sd", "/healthz", "/readyz", "/-/reload", "*", "", "//", "/..", "/../../etc/passwd", "/%00",
    "/%", "/\xff", "http://[", "http://x/metrics", "http://x:99999/", "/metrics#x", "/metrics?" + "a=b&" * 900, "/" + "x" * 20_000,
    "/probe?account=main&task=%ff", "/probe?account=main&task=../..", "/probe?" + "account=" + "x" * 7000, "/probe?task[]=1",
    "/probe?account=main&task=61551b2c-e3f3-4707-b4ed-f362f0925e03%0d%0aX:1", "/-/reload/..%2f",
    "/?page=-1", "/?page=99999999999999999999", "/?page=%F0%9D%9F%99&sort=x&state=%ff&account=%00", "/?q=" + "%e4" * 2000,
    "/?lang=zh&lang=\xe9", "/?sort=%ed%a0%80&q=(((((", "/task", "/task?account=main&task=x", "/task?account=%00&task=61551b2c-e3f3-4707-b4ed-f362f0925e03",
    "/task?account=%ff%0a&task=%ed%a0%80&lang=%ed%a0%80", "/static/..%2fsite.py", "/static/page.js?\xff", "/static/",
)  # fmt: skip
VERSIONS: Final = (
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/0.9",
    "HTTP/2.0",
    "HTTP/9.9",
    "HTTP/1.1.1",
    "http/1.1",
    "",
    "HTTP/-1.1",
    "\x00",
)
HEADERS: Final = (
    "Host: x", "Host:", "Host: x\r\nHost: y", ": x", "x", " folded: x", "A\0: b", "A: \0", "A : b", "A: b\r\n c", "\xff: \xff",
    "Content-Length: -1", "Content-Length: 1e3", "Content-Length: 99999999999999999999", "Content-Length: 5, 6",
    "Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Content-Encoding: gzip", "Expect: 100-continue", "Expect: x",
    "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x", "Upgrade: h2c", "Connection: close",
    "Accept: " + "," * 5000, "Accept: ;q=;=;", "Accept-Encoding: gzip;q=nan, *;q=-1", "Accept-Encoding: " + "gzip," * 900,
    "Authorization: Basic", "Authorization: Basic \xff", "Cookie: " + "a=b; " * 1000, "Range: bytes=0-", "If-None-Match: x",
    "X: " + "y" * 20_000, "\r\n".join(f"X-{n}: y" for n in range(300)),
)  # fmt: skip
BODIES: Final = (
    b"",
    b"",
    b"x",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"-1\r\n",
    b"\x1f\x8b\x08",
    b"\x00" * 5000,
)


def request(rng: random.Random) -> bytes:
    """Make a request that is wrong in one place, or in all of them."""
    kind = rng.random()
    if kind < 0.05:
        return rng.randbytes(rng.randrange(2000))
    if kind < 0.08:
        return b"\x16\x03\x01" + rng.randbytes(200)  # TLS
    strange = kind < 0.55  # else it is the header or the body that is
    method, version = (METHODS, VERSIONS) if strange else (METHODS[:3], VERSIONS[:1])
    lines = [
        f"{rng.choice(method)} {rng.choice(PATHS if strange or rng.random() < 0.6 else PATHS[:7])} {rng.choice(version)}"
    ]
    lines += ["Host: x"] * (rng.random() < 0.8) + rng.sample(HEADERS, rng.choice((0, 1, 1, 2, 4)))
    whole = "\r\n".join([*lines, "", ""]).encode("latin-1") + rng.choice(BODIES)
    if kind > 0.9:
        at = rng.randrange(len(whole))
        whole = whole[:at] + rng.choice((b"", rng.randbytes(3), b"\n", b"\0")) + whole[at + rng.randrange(2) :]
    return whole * rng.choice((1, 1, 1, 2, 20)) if len(whole) < 2000 else whole


async def send(port: int, body: bytes, tally: Counter[str], *, patience: float = 30.0) -> None:
    """Send a request on a new connection and count the answer: its status, or how it came that there is none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(body)
        async with asyncio.timeout(patience):
            line = await reader.readline()
        tally[line.split(b" ")[1].decode() if line.startswith(b"HTTP/") else "closed"] += 1
    except ConnectionError:
        tally["closed"] += 1
    except TimeoutError:
        tally["given up"] += 1
    finally:
        writer.transport.abort()


async def watch(port: int, waits: list[float]) -> None:
    """Ask for health again and again, on a new connection each time; record how long it takes."""
    while True:
        start = time.monotonic()
        tally: Counter[str] = Counter()
        await send(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", tally)
        assert tally == {"200": 1}, f"health answers {tally}"
        waits.append(time.monotonic() - start)
        await asyncio.sleep(0.05)


@contextmanager
def exporter(port: int) -> Iterator[tuple[int, Path]]:
    """Run the simulator and an exporter on it; gives its process id and its log."""
    platform = free_port()
    words = [sys.executable, "-m", "exporter"]
    with tempfile.TemporaryDirectory() as directory:
        log, token = Path(directory) / "log", "planted"
        simulate = [
            *words,
            "simulate",
            "--listen",
            f"127.0.0.1:{platform}",
            "--tasks",
            "50",
            "--no-history",
            "--quota=60000",
        ]
        with subprocess.Popen(simulate, stdout=subprocess.PIPE, text=True) as simulator:
            assert simulator.stdout is not None
            simulator.stdout.readline()
            settings = dict(word.split("=", 1) for word in simulator.stdout.readline().split())
            env = {**os.environ, **settings, "YUNFU_LISTEN": f"127.0.0.1:{port}", "YUNFU_LOG__LEVEL": "debug"}
            with log.open("wb") as file, subprocess.Popen([*words, "serve"], env=env, stderr=file) as process:
                try:
                    yield process.pid, log
                finally:
                    process.terminate()
                    simulator.terminate()
        assert token not in log.read_text(encoding="utf-8")


@asynccontextmanager
async def watched(port: int) -> AsyncIterator[list[float]]:
    """Watch the exporter's health for as long as the context lasts; gives the seconds that each answer took."""
    waits: list[float] = []
    task = asyncio.create_task(watch(port, waits))
    try:
        yield waits
        if task.done():
            task.result()
    finally:
        task.cancel()


async def until_ready(port: int) -> None:
    """Wait until the exporter is ready."""
    async with asyncio.timeout(30):
        tally: Counter[str] = Counter()
        while not tally["200"]:
            try:
                await send(port, b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", tally)
            except OSError:
                await asyncio.sleep(0.05)


async def fuzz_requests(count: int, rng: random.Random) -> None:
    """Send malformed requests to a real exporter, many at once, and watch it."""
    port = free_port()
    tally: Counter[str] = Counter()
    with exporter(port) as (pid, log):
        await until_ready(port)
        start, memory, left = time.monotonic(), 0.0, iter(range(count))

        async def work() -> None:
            nonlocal memory
            for number in left:
                await send(port, request(rng), tally, patience=rng.choice((0.0, 0.3, 0.3, 0.3)))
                if number == count // 5:
                    memory = resident_mib(pid)

        async with watched(port) as waits:
            await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        seconds = time.monotonic() - start
        grown = resident_mib(pid) - memory
        text = log.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "level=debug" not in line and "configuration reloaded" not in line]
    print(
        f"requests: {count:,} in {seconds:.0f} s; {', '.join(f'{kind} {each:,}' for kind, each in sorted(tally.items()))}"
    )
    print(
        f"  health meanwhile: {len(waits)} answers, the slowest after {max(waits) * 1000:.0f} ms; log lines: {len(lines)}"
    )
    print(f"  memory at the end {memory + grown:.0f} MiB, since the first fifth {grown:+.1f} MiB")
    assert "traceback" not in text, text[text.index("traceback") :][:3000]
    assert not [kind for kind in tally if kind.startswith("5") and kind != "503"], f"the server broke: {lines}"
    assert len(lines) <= 5, lines  # of the start, with one more on a busy machine
    assert grown < 16, "memory grows"
    assert max(waits) < 5, "the loop stood still"


def main() -> None:
    """Fuzz both sides, and print what came of it."""
    numbers = [int(word) for word in sys.argv[1:]]
    payloads, requests, seed = [*numbers, *(100_000, 10_000, random.randrange(10**6))[len(numbers) :]]
    print(f"seed {seed}")
    sides: tuple[tuple[Callable[..., Any], int], ...] = ((fuzz_payloads, payloads), (fuzz_requests, requests))
    for side, count in sides:
        if count:
            asyncio.run(side(count, random.Random(seed)))


if __name__ == "__main__":
    main()
