"""The HTTP side, through real HTTP on loopback."""

from __future__ import annotations

import asyncio
import errno
import gzip
import json
import random
import re
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter import daemon as daemon_module
from exporter.api.errors import Failure
from exporter.api.model import Task, TaskRef, TaskState, parse_stats
from exporter.api.tokens import Token
from exporter.config.settings import AccountSettings, PollSettings, Settings, WebSettings
from exporter.config.task_settings import TaskSettings
from exporter.config.values import Address
from exporter.daemon import Daemon
from exporter.files.changes import Watched
from exporter.metrics.clock import SteadyClock
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.instrumentation import AccountCollector, ExporterMetrics
from exporter.metrics.records import AccountStatus, PollOutcome, TaskRecord
from exporter.metrics.store import Store
from exporter.polling.account import Surroundings
from exporter.running import Running
from exporter.web import app
from exporter.web import app as web_module
from exporter.web.app import OPENMETRICS, TEXT, WORK_SECONDS, Breaks, make_app
from exporter.web.server import listening
from tests.support.clock import Clock, until
from tests.support.exporter import SETTINGS, FakeAccount, FakeExporter
from tests.support.programs import Reply, fetch, free_port
from tests.support.tools import documented

USER = "40863af8-db4a-41c6-a269-eb5bc386d97f"
TASK = "61551b2c-e3f3-4707-b4ed-f362f0925e03"
OTHER = "9c1b0a55-6d1e-4f0f-8a77-0c4f7f2f5b21"
SUB_USER = "0c9ee8ab-90c5-43a6-a5f5-5ce4f1b2a001"
NOW = 1_751_000_000.0
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@dataclass
class Site:
    """The application over a store that a test fills; a test may replace what the handlers call."""

    url: str
    store: Store = field(default_factory=lambda: Store(TaskRenderer(), lambda: NOW, 300))

    def __post_init__(self) -> None:
        """Make the exporter of the store, with one metric of the library's own."""
        self.exporter = FakeExporter(self.store, {"main": FakeAccount()})
        self.exporter.registry.register(AccountCollector(self.store))

    def fill(self, *names: str) -> None:
        """Lay in tasks that have answered as documented."""
        stats = parse_stats(documented())
        for index, name in enumerate(names):
            ref = TaskRef("main", f"{index:08x}-0000-0000-0000-000000000000")
            self.store.record_poll(
                Task(ref, min_answer_ratio=0.2, name=name, state=TaskState.RUNNING), PollOutcome(stats), 60
            )

    async def get(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """Make a request from a thread, so that the loop can serve it; ``_`` in a header's name stands for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await asyncio.to_thread(fetch, self.url + path, method, named)


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """Serve a site."""
    port = free_port()
    it = Site(f"http://127.0.0.1:{port}")
    async with listening(make_app(it.exporter), [("127.0.0.1", port)]):
        yield it


def samples(reply: Reply) -> dict[tuple[str, ...], float]:
    """Parse an exposition with the library's own parser: name and label values (account and task left out) to value."""
    parse = parse_openmetrics if reply.headers["content-type"] == OPENMETRICS else parse_text
    body = gzip.decompress(reply.body) if reply.headers.get("content-encoding") == "gzip" else reply.body
    found: dict[tuple[str, ...], float] = {}
    for family in parse(body.decode()):
        for sample in family.samples:
            rest = sorted((k, v) for k, v in sample.labels.items() if k not in {"account", "task"})
            key = (sample.name, *(v for _, v in rest), sample.labels.get("task", ""))
            assert key not in found, key
            found[key] = sample.value
    return found


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        (None, False),
        ("", False),
        ("*/*", False),  # curl
        (BROWSER, False),
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        (PROMETHEUS_3_PROTOBUF, True),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
        ("APPLICATION/OpenMetrics-Text; VERSION=1.0.0", True),
        ("application/openmetrics-text;version=0.0.1,text/plain", False),
        ("application/openmetrics-text;version=1.0.0;q=0", False),
        ("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.9", False),
        ("text/plain;q=0.2,application/openmetrics-text;version=1.0.0;q=0.9", True),
        ("application/openmetrics-text;version=1.0.0;q=much", False),
        ("application/openmetrics-text;version=1.0.0;q=nan", False),
        (";;=;,,;q=1,\xe9", False),
        ("text/plain;version=0.0.4", False),
    ],
)
async def test_the_format_follows_the_accept_header(accept: str | None, openmetrics: bool) -> None:  # noqa: FBT001
    """Whoever prefers OpenMetrics 1.0 gets it, all others the text format; both parse and end as they must."""
    async with site() as it:
        it.fill("a")
        reply = await it.get("/metrics", **({} if accept is None else {"Accept": accept}))
    assert reply.status == 200
    assert reply.headers["content-type"] == (OPENMETRICS if openmetrics else TEXT)
    assert reply.body.endswith(b"\n# EOF\n") is openmetrics
    assert reply.body.endswith(b"\n")
    assert samples(reply)["yunfu_task_answered_calls", "00000000-0000-0000-0000-000000000000"] == 61


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("gzip, deflate, br, zstd", True),  # browsers
        ("deflate, gzip;q=0.5", True),
        ("gzip ; q=1.0", True),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*, gzip;q=0", False),  # what is named counts before the star
        ("*;q=0, gzip", True),
        ("identity", False),
        ("br", False),
        ("gzip;q=much", False),
        (";;,=;q", False),
    ],
)
async def test_gzip_follows_the_accept_encoding_header(encoding: str | None, packed: bool) -> None:  # noqa: FBT001
    """The answer is compressed if gzip is accepted, and then holds the same bytes."""
    async with site() as it:
        it.fill("a", "b")
        plain = await it.get("/metrics")
        reply = await it.get("/metrics", **({} if encoding is None else {"Accept_Encoding": encoding}))
    assert reply.headers.get("content-encoding") == ("gzip" if packed else None)
    assert (gzip.decompress(reply.body) if packed else reply.body) == plain.body
    assert reply.headers["vary"] == "Accept, Accept-Encoding"


async def test_head_answers_the_headers_alone() -> None:
    """HEAD has the headers of GET and no body."""
    async with site() as it:
        it.fill("a")
        for path in ("/metrics", "/", "/sd", "/healthz"):
            head, get = await it.get(path, "HEAD"), await it.get(path)
            assert (head.status, head.body) == (200, b"")
            assert head.headers["content-type"] == get.headers["content-type"]
            assert get.body


@dataclass
class StandIn:
    """A platform that serves the documented statistics of one task, and nothing of any other."""

    url: str
    calls: list[str] = field(default_factory=list)
    broken: bool = False
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a statistics call."""
        self.calls.append(request.path_qs)
        await self.let_go.wait()
        if self.broken or request.match_info["task"] != TASK:
            return web.Response(status=502 if self.broken else 404, text="<html>nginx</html>")
        return web.json_response({"code": 200, "status": "success", "message": "ok", "data": documented()})


@asynccontextmanager
async def exporter(
    *,
    tasks: Sequence[str] = (TASK,),
    broken: bool = False,
    timeout_seconds: float = 5,
    wall: Callable[[], float] = lambda: NOW,
    steady: Callable[[], float] = lambda: 0.0,
    **more: Any,
) -> AsyncIterator[tuple[StandIn, Site]]:
    """Run the whole exporter on a stand-in for the platform, by two clocks."""
    platform_port, port = free_port(), free_port()
    platform = StandIn(f"http://127.0.0.1:{platform_port}", broken=broken)
    platform.let_go.set()
    app = web.Application()
    app.router.add_get("/agent-api/user/{user}/task/{task}/stat", platform.answer)
    account = AccountSettings(
        name="main",
        base_url=platform.url,
        user_id=USER,
        token="planted",
        tasks=tuple(TaskSettings(id=task) for task in tasks),
        **{"rate_limit": 1000, **more},
    )
    poll = PollSettings(interval=60, idle_interval=60, timeout=timeout_seconds, stale_after=300)
    settings = Settings(listen=(Address("127.0.0.1", port),), poll=poll, accounts=(account,))
    renderer, clock = TaskRenderer(), SteadyClock(wall, steady)
    store = Store(renderer, clock, settings.poll.stale_after)
    around = Surroundings(store, ExporterMetrics("1", "abc"), wall, random.Random(1))
    around.metrics.registry.register(AccountCollector(store))
    tokens = {"main": Token("planted")}
    running = Running(settings, tokens, renderer, around)
    daemon = Daemon(running, lambda: (settings, tokens), Watched(), clock)
    async with listening(app, [("127.0.0.1", platform_port)]):
        run = asyncio.create_task(daemon.run())
        try:
            await daemon.ready.wait()
            yield platform, Site(f"http://127.0.0.1:{port}", store)
        finally:
            daemon.stop()
            await run


@pytest.mark.parametrize("accept", ["*/*", PROMETHEUS_2])
async def test_the_documented_response_arrives_on_the_page(accept: str) -> None:
    """What the vendor's documented response says is what /metrics says."""
    async with exporter() as (_, it):
        found = samples(await it.get("/metrics", Accept=accept))
    expected: dict[tuple[str, ...], float] = {
        ("yunfu_task_up",): 1,
        ("yunfu_task_answered_calls",): 61,
        ("yunfu_task_unanswered_calls",): 6,
        ("yunfu_task_answer_ratio",): 0.9104,
        ("yunfu_task_progress_ratio",): 0.45,
        ("yunfu_task_calls_total", "answered"): 0,
        ("yunfu_task_last_success_timestamp_seconds",): NOW,
    }
    assert {key: round(found[(*key, TASK)], 9) for key in expected} == expected
    counts = {name: sum(key[0] == f"yunfu_task_{name}" for key in found) for name in ("numbers", "llm_tag_calls")}
    assert counts == {"numbers": 13, "llm_tag_calls": 7}
    assert {key[1] for key in found if key[0] == "yunfu_task_intention_calls"} == set("ABCDE")
    assert {key[1] for key in found if key[0] == "yunfu_task_round_calls"} == {"1", "2-5", "6-10", "11-20", "21+"}
    assert found["yunfu_account_up", ""] == 1


async def test_metrics_answers_while_the_platform_is_down() -> None:
    """A platform that fails leaves /metrics at 200: the task is down and has no statistics."""
    async with exporter(broken=True) as (_, it):
        reply = await it.get("/metrics")
        found = samples(reply)
        home = await it.get("/")
    assert (reply.status, home.status) == (200, 200)
    assert found["yunfu_task_up", TASK] == 0
    assert ("yunfu_task_answered_calls", TASK) not in found
    assert found["yunfu_account_up", ""] == 0
    assert "502" in home.text


LAST_SUCCESS = ("yunfu_task_last_success_timestamp_seconds", TASK)


@pytest.mark.parametrize("step", [-3600, 3600])
async def test_a_step_of_the_wall_clock_keeps_nothing_stale_and_hides_nothing_fresh(
    step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the platform fails, statistics leave metrics and page by the time that has passed; timestamps follow the clock.

    A probe is of the wall clock's time.
    """
    monkeypatch.setattr(daemon_module, "CLOCK_SECONDS", 0.01)
    wall, steady = Clock(NOW), Clock(0.0)

    def pass_by(seconds: float) -> None:
        steady.now += seconds
        wall.now += seconds

    async with exporter(wall=wall, steady=steady) as (platform, it):
        platform.broken = True
        pass_by(30)
        wall.now += step
        at_once = samples(await it.get("/metrics"))
        await until(lambda: it.store.clock() == wall.now)
        followed, page = samples(await it.get("/metrics")), await it.get(f"/task?account=main&task={TASK}")
        pass_by(330)
        last, last_page = samples(await it.get("/metrics")), await it.get(f"/task?account=main&task={TASK}")
        pass_by(1)
        stale, stale_page = samples(await it.get("/metrics")), await it.get(f"/task?account=main&task={TASK}")
        platform.broken = False
        again = samples(await it.get(f"/probe?account=main&task={TASK}"))
    fresh = at_once, followed, last, again
    assert [each["yunfu_task_answered_calls", TASK] for each in fresh] == [61] * 4
    assert ("yunfu_task_answered_calls", TASK) not in stale
    assert [each[LAST_SUCCESS] for each in (followed, stale, again)] == [NOW + step, NOW + step, wall.now]
    reloaded = "yunfu_exporter_config_last_reload_success_timestamp_seconds", ""
    assert followed[reloaded] == NOW + step
    pages = [re.sub(r"<[^>]*>", "", each.text) for each in (page, last_page, stale_page)]
    for text, said in zip(pages, ["reported 30 s ago", "reported 6 min ago", "left /metrics 1 s ago"], strict=True):
        assert said in " ".join(text.split())


async def test_an_answer_is_of_one_moment() -> None:
    """If the clock is shifted while the client waits for its turn, what was fresh when it asked is shown as it was then."""
    clock, port = Clock(NOW), free_port()
    it = Site(f"http://127.0.0.1:{port}", Store(TaskRenderer(), clock, 300))
    it.fill("a")

    async def shift(*_: object) -> None:
        clock.now += 3600
        it.store.shift(3600)

    app = make_app(it.exporter)
    app.on_response_prepare.append(shift)
    async with listening(app, [("127.0.0.1", port)]):
        found = samples(await it.get("/metrics"))
    task = "00000000-0000-0000-0000-000000000000"
    assert found["yunfu_task_answered_calls", task] == 61
    assert found["yunfu_task_last_success_timestamp_seconds", task] == NOW


async def test_metrics_answers_before_anything_is_known() -> None:
    """An empty store gives a page that parses in both formats, and both endings."""
    async with site() as it:
        text, openmetrics = await it.get("/metrics"), await it.get("/metrics", Accept=PROMETHEUS_2)
        assert samples(text) == samples(openmetrics) == {}
        assert openmetrics.body.endswith(b"# EOF\n")


async def test_probe_of_a_polled_task_leaves_it_as_it_is() -> None:
    """A probe calls the platform once, answers the task's own series, counters included, and nothing else; /metrics stays the same."""
    steady = Clock(0.0)
    async with exporter(tasks=(TASK, OTHER), steady=steady) as (platform, it):
        before, records = len(platform.calls), it.store.records()
        steady.now += 1
        reply = await it.get(f"/probe?account=main&task={TASK.upper()}")
        found = samples(reply)
        assert len(platform.calls) == before + 1
        assert it.store.records() == records
    assert found["yunfu_task_last_success_timestamp_seconds", TASK] == NOW + 1
    assert reply.status == 200
    assert {key[-1] for key in found} == {TASK}
    assert found["yunfu_task_up", TASK] == 1
    assert found["yunfu_task_calls_total", "answered", TASK] == 0


async def test_probe_of_an_unknown_task_keeps_nothing() -> None:
    """A task that is not polled is probed all the same: its own series, no counters, and nothing stays on /metrics."""
    async with exporter(tasks=(OTHER,)) as (_, it):
        found = samples(await it.get(f"/probe?account=main&task={TASK}", Accept=PROMETHEUS_2))
        page = await it.get("/metrics")
    assert {key[-1] for key in found} == {TASK}
    assert found["yunfu_task_up", TASK] == 1
    assert found["yunfu_task_answered_calls", TASK] == 61
    assert not [key for key in found if key[0].endswith("_total")]
    assert TASK not in page.text


async def test_probe_of_a_task_that_fails_says_so() -> None:
    """A failing probe is an answer too: 200 with yunfu_task_up 0 and no statistics, polled or not; a comment says why."""
    async with exporter(tasks=(OTHER,)) as (platform, it):
        reply = await it.get(f"/probe?account=main&task={TASK[:-1]}4")
        openmetrics = await it.get(f"/probe?account=main&task={TASK[:-1]}4", Accept=PROMETHEUS_2)
        well = await it.get(f"/probe?account=main&task={TASK}")
        unknown = samples(reply)
        polled = samples(await it.get(f"/probe?account=main&task={OTHER}"))
        platform.broken = True
        down = samples(await it.get(f"/probe?account=main&task={TASK}"))
    for found in (unknown, polled, down):
        assert [value for key, value in found.items() if key[0] == "yunfu_task_up"] == [0]
        assert not [key for key in found if key[0] == "yunfu_task_answered_calls"]
    assert reply.text.startswith("# http_404: the platform answered HTTP 404 Not Found\n# HELP ")
    assert samples(openmetrics) == unknown
    assert "http_404" not in openmetrics.text + well.text


async def test_probe_of_a_task_that_has_left_says_that_it_is_down() -> None:
    """A configured task that the platform denies for longer than stale_after leaves /metrics, but a probe still answers."""
    steady = Clock(0.0)
    async with exporter(tasks=(OTHER,), steady=steady) as (_, it):
        steady.now += 301
        found, everything = (
            samples(await it.get(f"/probe?account=main&task={OTHER}")),
            samples(await it.get("/metrics")),
        )
    assert found["yunfu_task_up", OTHER] == 0
    assert not any(key[-1] == OTHER for key in everything)


async def test_probe_passes_the_sub_account_on() -> None:
    """sub_user_id goes to the platform and to the task's series; in capitals it is the same."""
    async with exporter() as (platform, it):
        reply = await it.get(f"/probe?account=main&task={OTHER}&sub_user_id={SUB_USER.upper()}")
    assert platform.calls[-1].endswith(f"{OTHER}/stat?sub_user_id={SUB_USER}")
    assert f'sub_account="{SUB_USER}"' in reply.text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (f"account=nobody&task={TASK}", "account is not configured; expected one of: main"),
        (f"task={TASK}", "account is not configured; expected one of: main"),
        ("account=main", "task must be a UUID"),
        ("account=main&task=7", "task must be a UUID"),
        (f"account=main&task={TASK}%0a", "task must be a UUID"),
        (f"account=main&task={TASK}/../../message", "task must be a UUID"),
        (f"account=main&task={TASK}&sub_user_id=me", "sub_user_id must be a UUID"),
        ("account=<script>&task=<script>", "task must be a UUID"),
    ],
)
async def test_probe_refuses_what_it_cannot_ask_for(query: str, words: str) -> None:
    """A bad question is one line with status 400 and no call; what was asked is not played back."""
    async with exporter() as (platform, it):
        before = len(platform.calls)
        reply = await it.get(f"/probe?{query}")
        assert len(platform.calls) == before
    assert (reply.status, reply.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert reply.text.startswith(words)
    assert reply.text.count("\n") == 1
    assert "script" not in reply.text


async def test_service_discovery_lists_polled_tasks_as_probe_targets() -> None:
    """/sd is what Prometheus' http_sd reads: a list of groups whose labels are strings, at the address it came to."""
    async with site() as it:
        it.fill('老客户 "回访"\n')
        it.store.put_task(
            Task(TaskRef("main", OTHER), min_answer_ratio=0.2, state=TaskState.PAUSED), None
        )  # known, not polled
        owned = Task(TaskRef("main", TASK, SUB_USER), min_answer_ratio=0.2, name="b", state=TaskState.WAITING)
        it.store.put_task(owned, 900)
        reply = await it.get("/sd", Host="exporter.example:8443")
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    groups: list[dict[str, Any]] = json.loads(reply.body)
    assert [set(group) for group in groups] == [{"targets", "labels"}] * 2
    assert all(group["targets"] == ["exporter.example:8443"] for group in groups)
    assert all(isinstance(value, str) for group in groups for value in group["labels"].values())
    assert [group["labels"] for group in groups] == [
        {
            "instance": "main/00000000-0000-0000-0000-000000000000",
            "__metrics_path__": "/probe",
            "__param_account": "main",
            "__param_task": "00000000-0000-0000-0000-000000000000",
            "__meta_yunfu_task_name": '老客户 "回访"\n',
            "__meta_yunfu_task_state": "running",
        },
        {
            "instance": f"main/{TASK}",
            "__metrics_path__": "/probe",
            "__param_account": "main",
            "__param_task": TASK,
            "__param_sub_user_id": SUB_USER,
            "__meta_yunfu_task_name": "b",
            "__meta_yunfu_task_state": "waiting",
        },
    ]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
async def test_service_discovery_is_whole_json_of_any_size(count: int) -> None:
    """However many tasks there are, and compressed for who allows it."""
    async with site() as it:
        if count:
            it.fill(*map(str, range(count)))
        plain, packed = await it.get("/sd"), await it.get("/sd", Accept_Encoding="gzip")
    assert [group["labels"]["__meta_yunfu_task_name"] for group in json.loads(plain.body)] == [*map(str, range(count))]
    assert gzip.decompress(packed.body) == plain.body


async def test_a_discovered_target_can_be_probed() -> None:
    """The parameters that /sd gives are those that /probe takes."""
    async with exporter() as (_, it):
        [group] = json.loads((await it.get("/sd")).body)
        labels = group["labels"]
        url = f"http://{group['targets'][0]}{labels['__metrics_path__']}"
        query = "&".join(f"{k.removeprefix('__param_')}={v}" for k, v in labels.items() if k.startswith("__param_"))
        reply = await asyncio.to_thread(fetch, f"{url}?{query}")
    assert samples(reply)["yunfu_task_up", TASK] == 1


async def test_health_and_readiness() -> None:
    """/healthz is 200 from the start; /readyz is 503 until the exporter is ready."""
    async with site() as it:
        it.exporter.why_unready = "the first round of polls is still under way"
        assert (await it.get("/healthz")).status == 200
        early = await it.get("/readyz")
        it.exporter.why_unready = ""
        late = await it.get("/readyz")
    assert (early.status, late.status) == (503, 200)
    assert early.text == "not ready: the first round of polls is still under way\n"


async def test_reload_is_posted() -> None:
    """POST reloads; with faults it answers 500 and all of them; a GET changes nothing and is 405."""
    asked: list[str] = []
    async with site() as it:

        async def reload() -> Sequence[str]:
            asked.append("reload")
            return [] if len(asked) == 1 else ["poll.interval: too short", "accounts: missing"]

        it.exporter.reload = reload
        refused = await it.get("/-/reload")
        assert (refused.status, asked) == (405, [])
        good, bad = await it.get("/-/reload", "POST"), await it.get("/-/reload", "POST")
    assert (good.status, good.text) == (200, "reloaded\n")
    assert bad.status == 500
    assert bad.text.splitlines()[1:] == ["poll.interval: too short", "accounts: missing"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_what_only_reads_is_not_posted_to(method: str) -> None:
    """Other methods than GET and HEAD are 405, unknown paths 404."""
    async with site() as it:
        assert (await it.get("/metrics", method)).status == 405
        assert (await it.get("/metrics/", method)).status == 404


async def test_the_landing_page_escapes_what_the_platform_says() -> None:
    """Neither the name of a task or account nor an error can bring markup in."""
    nasty = '<script>alert("x")</script><img src=x onerror=y>'
    async with site() as it:
        it.fill(nasty)
        task = Task(TaskRef("main", OTHER), min_answer_ratio=0.2, name=nasty)
        it.store.record_poll(task, PollOutcome(failure=Failure("connect", nasty)), 60)
        it.store.put_account(AccountStatus(nasty, up=False, failure=Failure("connect", nasty)))
        reply = await it.get("/", Accept=BROWSER)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "&lt;script&gt;" in reply.text
    assert "<script>alert" not in reply.text
    assert "<img" not in reply.text


async def test_a_fault_of_our_own_shows_nothing_of_the_inside(caplog: pytest.LogCaptureFixture) -> None:
    """A handler that breaks off answers 500 without a word of why; the log has it."""

    async def probe(*_: object) -> TaskRecord:
        raise RuntimeError("inner thing at /some/path")

    async with site() as it:
        it.exporter.accounts["main"].probe = probe
        reply = await it.get(f"/probe?account=main&task={TASK}", Accept="text/html")
    assert reply.status == 500
    assert not [word for word in ("inner", "path", "Traceback", "RuntimeError") if word in reply.text]
    assert "inner thing" in caplog.text


async def test_clients_that_go_away_do_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    """Connections reset in the middle of an answer leave no log line, no task and no broken server behind."""
    async with site() as it:
        it.fill(*map(str, range(1000)))
        port = int(it.url.rsplit(":", 1)[1])
        before = len(asyncio.all_tasks())
        for headers in ("", "Accept-Encoding: gzip\r\n") * 5:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(f"GET /metrics HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close by a reset
            writer.transport.abort()
        assert (await it.get("/metrics")).status == 200
        async with asyncio.timeout(5):
            while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110  # no event tells it
                await asyncio.sleep(0)
    assert not caplog.records


async def test_a_reader_that_is_slow_holds_up_nobody() -> None:
    """While one client does not read its answer, another is served."""
    async with site() as it:
        it.fill(*map(str, range(1500)))
        reader, writer = await asyncio.open_connection("127.0.0.1", int(it.url.rsplit(":", 1)[1]), limit=1024)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(10):
            replies = await asyncio.gather(*(it.get("/metrics", Accept_Encoding="gzip") for _ in range(2)))
        writer.close()
    assert len({gzip.decompress(reply.body) for reply in replies}) == 1


@pytest.mark.parametrize(("path", "least"), [("/metrics", 50), ("/sd", 30)])
async def test_the_loop_turns_during_a_large_scrape(path: str, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """While 3,000 tasks are served, others have their turn between any two pieces for which that is due."""
    monkeypatch.setattr(app, "WORK_SECONDS", 0.0)
    ticks, seen = 0, list[int]()

    def watch(pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            seen.append(ticks)
            yield piece

    class Watched(Page):
        def pieces(self, *words: Any, **more: Any) -> Iterator[bytes]:
            return watch(super().pieces(*words, **more))

    targets = app._targets
    monkeypatch.setattr(app, "_targets", lambda *words: watch(targets(*words)))

    async with site() as it:
        it.fill(*map(str, range(3000)))
        it.exporter.page_type = Watched
        port = free_port()
        async with listening(make_app(it.exporter), [("127.0.0.1", port)]):
            for headers in ({}, {"Accept-Encoding": "gzip"}):
                seen.clear()
                scrape = asyncio.create_task(asyncio.to_thread(fetch, f"http://127.0.0.1:{port}{path}", "GET", headers))
                while not scrape.done():
                    ticks += 1
                    await asyncio.sleep(0)
                assert (await scrape).status == 200
                assert len(seen) > least
                assert all(before < after for before, after in pairwise(seen))


async def test_breaks_are_taken_when_work_has_lasted_some_milliseconds() -> None:
    """Hundreds of small pieces are no hundreds of breaks: a page's share in each would make a scrape last for seconds."""
    pieces, turns = 0, set[int]()
    breaks = Breaks(lambda: 0.3 * WORK_SECONDS * pieces)

    def note() -> None:
        turns.add(pieces)

    for pieces in range(18):  # noqa: B007  # the clock goes by it
        asyncio.get_running_loop().call_soon(note)
        await breaks.take()
    assert turns == {4, 8, 12, 16}


@pytest.mark.parametrize("more", [[], ["0.0.0.0"], ["127.0.0.1"]], ids=["alone", "beside all of IPv4", "beside one"])  # noqa: S104  # as users do
@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_all_of_ipv6_is_ipv4_too(more: list[str]) -> None:
    """[::] answers by IPv6 and IPv4, and leaves IPv4 to an address that is listed for it."""
    port = free_port()
    async with listening(make_app(Site("").exporter), [(host, port) for host in ["::", *more]]):
        for host in ("127.0.0.1", "[::1]"):
            assert (await asyncio.to_thread(fetch, f"http://{host}:{port}/healthz")).status == 200


async def test_all_interfaces_where_there_is_no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without IPv6, [::] is all of IPv4."""
    port, plain = free_port(), socket.socket

    def only_ipv4(family: int = -1, *words: Any, **more: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6")
        return plain(family, *words, **more)

    monkeypatch.setattr(socket, "socket", only_ipv4)
    async with listening(make_app(Site("").exporter), [("::", port)]):
        monkeypatch.undo()
        assert (await asyncio.to_thread(fetch, f"http://127.0.0.1:{port}/healthz")).status == 200


async def test_a_taken_port_of_all_interfaces_is_named() -> None:
    """That [::] cannot be had is said as of any other address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"^cannot listen on \[::\]:{port}: Address already in use$"):
            async with listening(make_app(Site("").exporter), [("::", port)]):
                pass


async def test_an_answer_has_its_time(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A client that reads too slowly is cut off, so that it cannot take the end for the whole; nothing is logged."""
    monkeypatch.setattr(web_module, "_ANSWER_SECONDS", 0.2)
    async with site() as it:
        it.fill(*map(str, range(3000)))
        reader, writer = await asyncio.open_connection("127.0.0.1", int(it.url.rsplit(":", 1)[1]), limit=1024)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await until(lambda: it.exporter.refused)
        async with asyncio.timeout(10):
            assert not (await read_on(reader)).endswith(b"\r\n0\r\n\r\n")
        writer.transport.abort()
        assert (await it.get("/healthz")).status == 200
    assert it.exporter.refused == ["slow_reader"]
    assert not caplog.records


async def read_on(reader: asyncio.StreamReader) -> bytes:
    """Return the end of what a connection that breaks has sent."""
    end = b""
    try:
        while piece := await reader.read(1 << 16):
            end = (end + piece)[-100:]
    except ConnectionError:
        pass
    return end


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of the machine")
async def test_many_scrapes_wait_their_turn() -> None:
    """However often an address scrapes at once, four are written at a time; one that reads nothing waits for itself."""
    at_once, most = 0, 0

    class Counted(Page):
        def pieces(self, *words: Any, **more: Any) -> Iterator[bytes]:
            nonlocal at_once, most
            at_once, most = at_once + 1, max(most, at_once + 1)
            yield from super().pieces(*words, **more)
            at_once -= 1

    async with site() as it:
        it.fill(*map(str, range(1500)))
        it.exporter.page_type = Counted
        port = free_port()

        async def scrape(client: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024, local_addr=(client, 0))
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return reader, writer

        async with listening(make_app(it.exporter), [("127.0.0.1", port)]):
            deaf = [await scrape("127.0.0.2") for _ in range(40)]
            async with asyncio.timeout(20):
                while at_once < 4:  # noqa: ASYNC110  # no event tells it
                    await asyncio.sleep(0.01)
                reader, writer = await scrape("127.0.0.1")
                assert (await reader.read()).endswith(b"0\r\n\r\n")
                assert most == 5
                answers = await asyncio.gather(*(reader.read() for reader, _ in deaf))
            for _, each in (*deaf, (reader, writer)):
                each.transport.abort()
    assert all(answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"0\r\n\r\n") for answer in answers)
    assert most <= 5


async def test_reload_can_be_turned_off() -> None:
    """Where web.reload is off, POST is refused with what to do instead, and nothing is reloaded."""
    async with site() as it:
        it.exporter.settings = SETTINGS.model_copy(update={"web": WebSettings(reload=False)})
        it.exporter.reload = fail
        port = free_port()
        async with listening(make_app(it.exporter), [("127.0.0.1", port)]):
            reply = await asyncio.to_thread(fetch, f"http://127.0.0.1:{port}/-/reload", "POST")
    assert (reply.status, reply.text) == (403, "turned off by web.reload; SIGHUP reloads\n")


async def fail() -> Sequence[str]:
    """Reload, which must not be."""
    raise AssertionError


@pytest.mark.parametrize(
    ("site_of", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
async def test_no_page_of_another_site_reloads(site_of: str, status: int) -> None:
    """What browsers tell of a page elsewhere that posts here is enough to refuse it."""
    async with site() as it:
        assert (await it.get("/-/reload", "POST", Sec_Fetch_Site=site_of)).status == status


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 200),  # curl
        ({"Origin": "http://exporter.example:10042"}, 200),
        ({"Origin": "HTTP://Exporter.Example:10042", "Sec_Fetch_Site": "same-origin"}, 200),
        ({"Origin": "https://exporter.example:10042"}, 200),  # a proxy in front has TLS
        ({"Host": "exporter.example", "Origin": "https://exporter.example"}, 200),
        ({"Host": "exporter.example:443", "Origin": "https://exporter.example"}, 200),
        ({"Host": "[2001:db8::1]:10042", "Origin": "http://[2001:db8::1]:10042"}, 200),
        ({"Referer": "http://exporter.example:10042/task?id=1"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://evil.example:10042"}, 403),
        ({"Origin": "http://exporter.example"}, 403),  # another port is another page's
        ({"Origin": "http://exporter.example:10043"}, 403),
        ({"Origin": "http://exporter.example.evil.example:10042"}, 403),
        ({"Origin": "http://exporter.example:10042@evil.example"}, 403),
        ({"Origin": "http://exporter.example:10042", "Sec_Fetch_Site": "cross-site"}, 403),
        (
            {"Origin": "http://exporter.example:10042", "Referer": "http://evil.example/"},
            200,
        ),  # browsers cannot send that
        ({"Origin": "null"}, 403),  # a sandboxed frame, a file, a redirect
        ({"Origin": ""}, 403),
        ({"Origin": "http://"}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Origin": "http://exporter.example:port"}, 403),
        ({"Origin": "file://exporter.example:10042"}, 403),
        ({"Referer": "http://evil.example/exporter.example:10042"}, 403),
    ],
)
async def test_only_a_page_of_its_own_may_reload_over_plain_http(sent: dict[str, str], status: int) -> None:
    """Where browsers send no Sec-Fetch-Site, the page's origin must be the host that is asked; other programs send none."""
    async with site() as it:
        asked: list[str] = []

        async def reload() -> Sequence[str]:
            asked.append("reload")
            return []

        it.exporter.reload = reload
        assert (await it.get("/-/reload", "POST", **{"Host": "exporter.example:10042", **sent})).status == status
        assert len(asked) == (status == 200)


async def test_probes_of_an_account_are_bounded() -> None:
    """More probes than a fifth of the rate can serve in time are refused with 503 at once; those under way get their answers."""
    async with exporter(timeout_seconds=5, rate_limit=0.5) as (platform, it):
        platform.let_go.clear()
        first = asyncio.create_task(it.get(f"/probe?account=main&task={TASK}"))
        await until(lambda: len(platform.calls) == 2)
        refused = [await it.get(f"/probe?account=main&task={TASK[:-1]}{number}") for number in range(5)]
        platform.let_go.set()
        assert {reply.status for reply in refused} == {503}
        assert all(5 <= int(reply.headers["retry-after"]) <= 10 for reply in refused)
        assert refused[0].text.startswith(
            "probes of account main may make 6 API calls per minute, a fifth of its quota"
        )
        assert (await first).status == 200
        assert len(platform.calls) == 2
        assert 'yunfu_exporter_http_refusals_total{reason="probes"} 5' in (await it.get("/metrics")).text


@pytest.mark.parametrize(
    ("said", "patience"),
    [("3", 3.0), ("0.75", 0.75), ("", None), ("soon", None), ("nan", None), ("inf", None), ("-1", None)],
)
async def test_the_scrapers_time_out_is_handed_on(said: str, patience: float | None) -> None:
    """Prometheus says in a header when it gives up, and the probe has that time; what is no time is as if nothing was said."""
    asked: list[object] = []

    async def probe(*words: object) -> TaskRecord:
        asked.append(words)
        return it.store.records()[0]

    async with site() as it:
        it.fill("a")
        it.exporter.accounts["main"].probe = probe
        reply = await it.get(f"/probe?account=main&task={TASK}", X_Prometheus_Scrape_Timeout_Seconds=said)
    assert (reply.status, asked) == (200, [(TASK, None, patience)])
