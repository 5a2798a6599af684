from __future__ import annotations

import base64
import json
import re
import signal
import socket
import sys
import time
from asyncio import create_subprocess_exec, open_connection, subprocess, wait_for
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from exporter.cli import run
from exporter.demo import commands as demo
from exporter.demo.simulator import Fault, SimulatedAccount, SimulatedTask, Simulator, SimulatorOptions, incident, truth
from exporter.demo.simulator.documents import timestamp
from exporter.demo.simulator.faults import KINDS
from exporter.demo.simulator.server import Request
from tests.support.tools import DATA, documented

HALF_PAST_NINE = 1_751_247_000.0  # Monday 2025-06-30 09:30 in China
HOUR = 3600.0
PLAIN = SimulatorOptions(tasks=30, php_flavours=False, start=HALF_PAST_NINE, speed=1)


@dataclass
class Clock:
    """Unix time, moved by hand."""

    now: float = HALF_PAST_NINE

    def __call__(self) -> float:
        """Read the clock."""
        return self.now


@dataclass
class Answer:
    """What a call was answered with; ``document`` is None if it was no JSON."""

    status: int
    headers: dict[str, str]
    body: bytes
    document: Any = None

    @property
    def data(self) -> Any:
        """The data of the envelope."""
        return self.document["data"]


@dataclass
class Platform:
    """A simulator that is served, and a client of it that carries the first account's token."""

    simulator: Simulator
    url: str
    session: aiohttp.ClientSession
    clock: Clock = field(default_factory=Clock)

    @property
    def account(self) -> SimulatedAccount:
        """The account that calls."""
        return self.simulator.accounts[0]

    @property
    def user(self) -> str:
        """The path of the account's 1.0 lists and of statistics."""
        return f"/agent-api/user/{self.account.user_id}"

    @property
    def new_user(self) -> str:
        """The path of the account's 2.0 lists."""
        return f"/agent-api/new/user/{self.account.user_id}"

    @property
    def first(self) -> SimulatedTask:
        """The largest running task of the account's own."""
        tasks = [task for task in self.account.tasks.values() if task.owner == self.account.user_id]
        return max(tasks, key=lambda task: (self.state(task) == "running", task.campaign.traits.size))

    def state(self, task: SimulatedTask) -> str:
        """Return a task's state now."""
        return self.simulator.task(task.id).state(self.simulator.now())

    async def get(self, path: str, *query: tuple[str, str], method: str = "GET", **headers: str) -> Answer:
        """Call the API."""
        given = {"Authorization": f"Bearer {self.account.token}", **headers}
        async with self.session.request(
            method, self.url + path, params=query, headers=given, allow_redirects=False
        ) as response:
            body = await response.read()
            return Answer(response.status, dict(response.headers), body, _read(body))

    async def stat(self, *query: tuple[str, str], task: SimulatedTask | None = None) -> Answer:
        """Read a task's statistics."""
        return await self.get(f"{self.user}/task/{(task or self.first).id}/stat", *query)

    async def control(self, method: str, path: str, body: Any = None) -> Answer:
        """Call the control path."""
        words = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.request(method, f"{self.url}/_control/{path}", data=words) as response:
            answer = await response.read()
            return Answer(response.status, {}, answer, _read(answer))


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


@asynccontextmanager
async def serving(options: SimulatorOptions = PLAIN) -> AsyncIterator[Platform]:
    """Serve a simulator whose clock stands still."""
    clock = Clock()
    simulator = Simulator(options, clock=clock)
    timeout = aiohttp.ClientTimeout(10)
    async with simulator.serve() as url, aiohttp.ClientSession(timeout=timeout) as session:
        yield Platform(simulator, url, session, clock)


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    """Serve thirty tasks of an account without sub-accounts."""
    async with serving() as platform:
        yield platform


def _request(platform: Platform, path: str) -> Request:
    return Request("GET", platform.user + path, "", {"authorization": f"Bearer {platform.account.token}"})


def differences(sample: Any, got: Any, where: str = "") -> list[str]:
    """Compare structure: the same keys everywhere, and values of the same kind."""
    if isinstance(sample, dict) and isinstance(got, dict):
        found = [f"{where}: keys {sample.keys() ^ got.keys()}"] if sample.keys() != got.keys() else []
        return found + [line for key in sample.keys() & got.keys() for line in differences(sample[key], got[key], key)]
    if isinstance(sample, list) and isinstance(got, list):
        return [line for value in got if sample for line in differences(sample[0], value, f"{where}[]")]
    kinds = [int | float if type(value) in (int, float) else type(value) for value in (sample, got)]
    return [] if kinds[0] == kinds[1] else [f"{where}: {got!r} for {sample!r}"]


async def test_statistics_have_the_documented_shape(platform: Platform) -> None:
    """Every part of the documented response is there, in the same kinds, with the platform's words."""
    answer = await platform.stat()
    sample = json.loads((DATA / "stat.json").read_text(encoding="utf-8"))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert differences(sample, answer.document) == []
    assert {key: answer.document[key] for key in ("code", "status", "message")} == {
        key: sample[key] for key in ("code", "status", "message")
    }
    for part, names in (("number_status", ("status", "status_str")), ("intention", ("intention_results", "name"))):
        ours, theirs = (
            [[entry[name] for name in names] for entry in data[part]] for data in (answer.data, documented())
        )
        assert ours == theirs
    assert list(answer.data["rounds"]) == list(documented()["rounds"])
    known = {entry["llm_intention_tag"]["name"]: entry["llm_intention_tag"] for entry in documented()["llm_tags"]}
    for entry in answer.data["llm_tags"]:
        tag = entry["llm_intention_tag"]
        same = ("id", "md5")
        assert tag["name"] not in known or [tag[key] for key in same] == [known[tag["name"]][key] for key in same]


async def test_statistics_tell_the_truth(platform: Platform) -> None:
    """The document's numbers are the campaign's, its percentages follow from them, and its parts fit together."""
    platform.simulator.advance(HOUR)
    told, true = (await platform.stat()).data, truth(platform.simulator, platform.first.id)
    rate = told["answer_rate"]
    assert (rate["answered"], rate["noAnswer"]) == (true["answered"], true["unanswered"])
    calls = true["answered"] + true["unanswered"]
    assert rate["callCompletetRate"] == pytest.approx(100 * true["answered"] / calls, abs=0.01)
    assert rate["taskProgress"] == pytest.approx(100 * true["progress"], abs=0.01)
    assert [entry["count"] for entry in told["number_status"]] == true["numbers"]
    assert sum(true["numbers"]) == platform.first.campaign.traits.size
    assert sum(entry["total"] for entry in told["intention"]) == rate["answered"] == sum(told["rounds"].values())
    assert sum(entry["percent"] for entry in told["intention"]) == pytest.approx(100, abs=0.05)
    assert 0 < max(entry["count"] for entry in told["llm_tags"]) < rate["answered"]


async def test_lists_have_the_documented_shape(platform: Platform) -> None:
    """A page of 2.0 tasks looks like the documented one; a 1.0 task has no new_task_extra."""
    sample = json.loads((DATA / "task_list.json").read_text(encoding="utf-8"))
    new = await platform.get(f"{platform.new_user}/task")
    assert differences(sample, new.document) == []
    assert len(new.data) == 15  # Laravel's page
    old = await platform.get(f"{platform.user}/task")
    for entry in sample["data"]:
        del entry["new_task_extra"]
    assert differences(sample, old.document) == []


async def test_flags_tell_the_state(platform: Platform) -> None:
    """The flags enable and call_status are what the documentation makes of running, waiting and paused."""
    platform.simulator.advance(2 * HOUR + 60)  # over lunch for some
    incident(platform.simulator, "pause", platform.first.id)
    seen = set()
    flags = {(1, 1): "running", (1, 0): "waiting", (0, 0): "paused"}
    for entry in (await platform.get(f"{platform.new_user}/task", ("per_page", "100"))).data:
        state = flags[entry["enable"], entry["new_task_extra"]["call_status"]]
        assert state == platform.state(platform.account.tasks[entry["uuid"]])
        seen.add(state)
    assert seen == {"running", "waiting", "paused"}


async def test_pages_hold_every_task_once(platform: Platform) -> None:
    """Page by page the list is whole; meta counts along, its per_page is a string, and past the end is nothing."""
    expected = [task.id for task in platform.account.tasks.values() if task.generation == 2]
    assert len(expected) == 20
    seen = []
    for page in (1, 2, 3):
        answer = await platform.get(f"{platform.new_user}/task", ("page", str(page)), ("per_page", "8"))
        seen += [entry["uuid"] for entry in answer.data]
        meta = {"has_pages": True, "total": 20, "last_page": 3, "current_page": page, "per_page": "8"}
        assert answer.document["meta"] == meta
    assert seen == expected
    beyond = await platform.get(f"{platform.new_user}/task", ("page", "4"), ("per_page", "8"))
    assert (beyond.status, beyond.data) == (200, [])
    whole = await platform.get(f"{platform.new_user}/task", ("per_page", "1000"))
    assert whole.document["meta"] == {
        "has_pages": False, "total": 20, "last_page": 1, "current_page": 1, "per_page": "100",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ([("status", "1")], "1"),
        ([("status", "2")], "2"),
        ([("status", "3")], "3"),
        ([("status[]", "1"), ("status[]", "3")], "13"),
        ([("status[]", "1"), ("status[]", "2"), ("status[]", "3")], "123"),
    ],
)
@pytest.mark.parametrize("generation", [1, 2])
async def test_lists_are_filtered_by_status(
    platform: Platform, generation: int, query: list[tuple[str, str]], statuses: str
) -> None:
    """1 is paused; of the 1.0 tasks 2 dial and 3 wait; a 2.0 task has 3 for both, and never 2."""
    platform.simulator.advance(2 * HOUR + 60)
    incident(platform.simulator, "pause", platform.first.id)
    now = platform.simulator.now()
    numbers = {}
    for task in map(platform.simulator.task, platform.account.tasks):
        dialling = "2" if generation == 1 else "3"
        running = dialling if task.campaign.is_dialling(now) else "3"
        numbers[task.id] = "1" if platform.state(task) == "paused" else running
    wanted = {
        task.id
        for task in platform.account.tasks.values()
        if task.generation == generation and numbers[task.id] in statuses
    }
    base = platform.user if generation == 1 else platform.new_user
    answer = await platform.get(f"{base}/task", ("per_page", "100"), *query)
    assert {entry["uuid"] for entry in answer.data} == wanted
    assert answer.document["meta"]["total"] == len(wanted)


async def test_lists_are_filtered_by_name(platform: Platform) -> None:
    """The filter takes any part of a name, Chinese too."""
    name = platform.account.tasks[list(platform.account.tasks)[1]].name
    for part in (name, name[:2], name[-3:]):
        answer = await platform.get(f"{platform.new_user}/task", ("name", part), ("per_page", "100"))
        assert name in [entry["name"] for entry in answer.data]
        assert all(part in entry["name"] for entry in answer.data)
    assert (await platform.get(f"{platform.new_user}/task", ("name", "没有这个"))).data == []


async def test_each_list_holds_its_own_tasks() -> None:
    """Own and sub-accounts' tasks, 1.0 and 2.0, are four lists that together are all; sub-accounts are listed too."""
    async with serving(SimulatorOptions(tasks=30, sub_accounts=2, start=HALF_PAST_NINE)) as platform:
        user, account = platform.account.user_id, platform.account
        lists = {
            f"{platform.user}/task": (1, False),
            f"{platform.user}/all_task": (1, True),
            f"{platform.new_user}/task": (2, False),
            f"{platform.new_user}/subset_task": (2, True),
        }
        listed: list[str] = []
        for path, (generation, of_others) in lists.items():
            entries = (await platform.get(path, ("per_page", "100"))).data
            assert entries
            for entry in entries:
                assert account.tasks[entry["uuid"]].generation == generation
                assert (entry["user_id"] != user) == of_others
            listed += [entry["uuid"] for entry in entries]
        assert sorted(listed) == sorted(account.tasks)
        users = await platform.get(f"{platform.user}/subset_users", ("per_page", "1"))
        assert [entry["uuid"] for entry in users.data] == [account.sub_users[0]]
        assert users.document["meta"]["last_page"] == 2


async def test_a_list_can_be_read_on_behalf_of_a_sub_account() -> None:
    """With sub_user_id the account's own list is that of the sub-account."""
    async with serving(SimulatorOptions(tasks=30, sub_accounts=2, start=HALF_PAST_NINE)) as platform:
        one, two = platform.account.sub_users
        for sub_user in (one, two):
            query = [("sub_user_id", sub_user), ("per_page", "100")]
            entries = (await platform.get(f"{platform.new_user}/task", *query)).data
            assert entries
            assert {entry["user_id"] for entry in entries} == {sub_user}


async def test_a_sub_accounts_task_is_read_on_its_behalf() -> None:
    """Statistics of a sub-account's task need its id, and an own task's must not have one."""
    async with serving(SimulatorOptions(tasks=6, sub_accounts=1, start=HALF_PAST_NINE)) as platform:
        own = next(task for task in platform.account.tasks.values() if task.owner == platform.account.user_id)
        others = next(task for task in platform.account.tasks.values() if task.owner != platform.account.user_id)
        owner = ("sub_user_id", others.owner)
        calls = [(others, [owner]), (others, []), (own, []), (own, [owner])]
        assert [(await platform.stat(*query, task=task)).status for task, query in calls] == [200, 403, 200, 403]


async def test_other_endpoints_answer(platform: Platform) -> None:
    """Token and account, whose shape nothing may depend on, answer in the envelope."""
    for path in ("/agent-api/token", f"{platform.user}/message"):
        answer = await platform.get(path)
        assert (answer.status, answer.document["code"], type(answer.data)) == (200, 200, dict)


REFUSALS: dict[str, tuple[Callable[[Platform], Awaitable[Answer]], int]] = {
    "no token": (lambda p: p.get(f"{p.user}/task", Authorization=""), 401),
    "another token": (lambda p: p.get(f"{p.user}/task", Authorization="Bearer x"), 401),
    "no bearer": (lambda p: p.get(f"{p.user}/task", Authorization=p.account.token), 401),
    "token of nobody": (lambda p: p.get("/agent-api/token", Authorization="Bearer x"), 401),
    "another user": (lambda p: p.get(f"/agent-api/user/{p.first.id}/task"), 403),
    "no such task": (lambda p: p.get(f"{p.user}/task/{p.account.user_id}/stat"), 404),
    "no such endpoint": (lambda p: p.get(f"{p.user}/tasks"), 404),
    "no such new endpoint": (lambda p: p.get(f"{p.new_user}/all_task"), 404),
    "root": (lambda p: p.get("/"), 404),
    "post": (lambda p: p.get(f"{p.user}/task", method="POST"), 405),
    "delete": (lambda p: p.get(f"{p.user}/task/{p.first.id}/stat", method="DELETE"), 405),
    "page": (lambda p: p.get(f"{p.user}/task", ("page", "two")), 422),
    "per_page": (lambda p: p.get(f"{p.user}/task", ("per_page", "")), 422),
    "no date": (lambda p: p.stat(("date[]", "soon"), ("date[]", "later")), 422),
    "half a span": (lambda p: p.stat(("date[]", "2025-06-30 09:00:00")), 422),
    "dates that are no array": (lambda p: p.stat(("date", "2025-06-30 09:00:00")), 422),
    "a span that ends first": (
        lambda p: p.stat(("date[]", "2025-06-30 09:00:00"), ("date[]", "2025-06-30 08:59:59")),
        422,
    ),
    "somebody's sub-account": (lambda p: p.get(f"{p.user}/task", ("sub_user_id", p.first.id)), 403),
    "too many dates": (lambda p: p.stat(*[("date[]", "2025-06-30 09:00:00")] * 3), 422),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_what_is_wrong_is_refused(platform: Platform, name: str) -> None:
    """The status says what is wrong, and the envelope says it again, in words for people."""
    call, status = REFUSALS[name]
    answer = await call(platform)
    assert answer.status == answer.document["code"] == status
    assert answer.document["status"] == "error"
    assert answer.document["message"]
    assert answer.data is None


async def test_spans_are_counted_apart(platform: Platform) -> None:
    """A span holds the calls made in it; adjacent spans add up to the whole; an empty span has no calls and no numbers."""
    task = platform.first
    platform.simulator.advance(2 * HOUR)
    begin = task.campaign.traits.begin

    async def calls(since: float, until: float) -> int:
        dates = [("date[]", timestamp(since)), ("date[]", timestamp(until))]
        rate = (await platform.stat(*dates, task=task)).data["answer_rate"]
        return int(rate["answered"] + rate["noAnswer"])

    middle, now = HALF_PAST_NINE + HOUR, platform.simulator.now()
    parts = [await calls(begin, middle), await calls(middle, now)]
    whole = (await platform.stat(task=task)).data["answer_rate"]
    assert min(parts) > 0
    assert sum(parts) == await calls(begin, now) == whole["answered"] + whole["noAnswer"]
    assert await calls(begin - HOUR, begin) == 0


async def test_tokens_are_jwts_or_opaque() -> None:
    """A JWT has the platform's claims for thirty days; an opaque token says nothing."""
    account = Simulator(PLAIN, clock=Clock()).accounts[0]
    header, claims, _ = account.token.split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"typ": "JWT", "alg": "RS256"}
    assert json.loads(base64.urlsafe_b64decode(claims + "==")) == {
        "iat": HALF_PAST_NINE, "nbf": HALF_PAST_NINE, "exp": HALF_PAST_NINE + 30 * 86_400, "sub": account.user_id,
    }  # fmt: skip
    async with serving(SimulatorOptions(tasks=1, opaque_token=True)) as platform:
        assert re.fullmatch("[0-9a-f]{48}", platform.account.token)
        assert (await platform.get(f"{platform.user}/task")).status == 200


async def test_php_flavours_can_be_had_or_not() -> None:
    """With flavours numbers and flags are written in several ways and some names are odd; without there is one way."""
    told = {}
    for flavours in (True, False):
        async with serving(SimulatorOptions(tasks=30, php_flavours=flavours, start=HALF_PAST_NINE)) as platform:
            platform.simulator.advance(HOUR)
            stats = [(await platform.stat(task=task)).data for task in platform.account.tasks.values()]
            entries = (await platform.get(f"{platform.new_user}/task", ("per_page", "100"))).data
            told[flavours] = (
                {type(stat["answer_rate"]["answered"]) for stat in stats},
                {type(stat["number_status"][0]["count"]) for stat in stats},
                {type(entry["enable"]) for entry in entries},
                {type(entry["new_task_extra"]["call_status"]) for entry in entries},
                {tuple(tag) for stat in stats for tag in stat.get("tags") or ()},
                any(re.search(r'[\n"\\🎉]', task.name) for task in platform.account.tasks.values()),
            )
    ways = {int, str, bool}
    assert told[True] == ({int, str}, {int, str}, ways, ways, {("count", "name"), ("count", "tag")}, True)
    assert told[False] == ({int}, {int}, {int}, {int}, set(), False)


@pytest.mark.parametrize(("flavours", "kinds"), [(True, {"[]", "null", "gap"}), (False, {"{}"})])
async def test_nothing_is_written_in_several_ways(flavours: bool, kinds: set[str]) -> None:  # noqa: FBT001  # a row's value
    """Before the first answered call rounds are, as PHP has it, [] or null or left out; without flavours all are 0."""
    options = SimulatorOptions(tasks=12, php_flavours=flavours, start=HALF_PAST_NINE)
    words = {list: "[]", type(None): "null", str: "gap", dict: "{}"}
    async with serving(options) as platform:
        for task in platform.account.tasks.values():
            incident(platform.simulator, "reset", task.id)
        stats = [(await platform.stat(task=task)).data for task in platform.account.tasks.values()]
    rounds = [stat.get("rounds", "gap") for stat in stats]
    assert {words[type(value)] for value in rounds} == kinds
    assert not any(any(value.values()) for value in rounds if isinstance(value, dict))
    assert all(stat["answer_rate"]["callCompletetRate"] in (0, "0") for stat in stats)


FAULTS: dict[str, tuple[Fault, int | str, str, dict[str, str]]] = {
    "status": (Fault(kind="status", status=404), 404, "envelope 404", {}),
    "status from the proxy": (Fault(kind="status", status=502), 502, "html", {"Content-Type": "text/html"}),
    "throttle": (
        Fault(kind="throttle", seconds=3), 429, "envelope 429", {"Retry-After": "3", "X-RateLimit-Remaining": "0"},
    ),
    "throttle until": (
        Fault(kind="throttle", seconds=3, date=True),
        429, "envelope 429", {"Retry-After": "Mon, 30 Jun 2025 01:30:03 GMT"},
    ),
    "html": (Fault(kind="html"), 200, "html", {"Content-Type": "text/html"}),
    "envelope": (Fault(kind="envelope", status=500), 200, "envelope 500", {}),
    "truncated": (Fault(kind="truncated"), 200, "no json", {}),
    "not_json": (Fault(kind="not_json"), 200, "no json", {}),
    "reset": (Fault(kind="reset"), "no answer", "", {}),
    "cut": (Fault(kind="cut"), "no body", "", {}),
    "slow_headers": (Fault(kind="slow_headers", seconds=0.1), 200, "right, late", {}),
    "latency": (Fault(kind="latency", seconds=0.1), 200, "right, late", {}),
    "drip": (Fault(kind="drip", seconds=0.002), 200, "right, late", {}),
    "redirect": (Fault(kind="redirect", location="http://127.0.0.1:1/"), 302, "", {"Location": "http://127.0.0.1:1/"}),
    "too_large": (Fault(kind="too_large"), 200, "large", {}),
    "truncated_gzip": (Fault(kind="truncated_gzip"), 200, "no json", {"Content-Encoding": "gzip"}),
    "expired_token": (Fault(kind="expired_token"), 401, "envelope 401", {}),
    "exhausted": (
        Fault(kind="exhausted", seconds=2), 200, "right", {"X-RateLimit-Remaining": "0", "Retry-After": "2"},
    ),
    "content_type": (Fault(kind="content_type"), 200, "right", {"Content-Type": "text/html; charset=gbk"}),
    "bom": (Fault(kind="bom"), 200, "right, marked", {}),
}  # fmt: skip


def _what(body: bytes, right: bytes) -> str:
    if body in (b"", right, b"\xef\xbb\xbf" + right):
        return {b"": "", right: "right"}.get(body, "right, marked")
    if len(body) > 2**23:
        return "large"
    if body.startswith(b"<html>"):
        return "html"
    return f"envelope {_read(body)['code']}" if _read(body) else "no json"


@pytest.mark.parametrize("name", FAULTS)
async def test_every_fault_can_be_seen(platform: Platform, name: str) -> None:
    """A struck call is answered as the fault says; when there is no fault any more, all is right again."""
    fault, status, what, headers = FAULTS[name]
    is_short = fault.kind == "drip"  # byte by byte a short document takes long enough

    async def call() -> Answer:
        return await (platform.get(f"{platform.user}/message") if is_short else platform.stat())

    right = (await call()).body
    platform.simulator.faults.append(fault)
    begin = time.monotonic()
    try:
        answer = await call()
    except aiohttp.ClientPayloadError:
        answer = Answer("no body", {}, b"")  # type: ignore[arg-type]  # what is seen instead of a status
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        answer = Answer("no answer", {}, b"")  # type: ignore[arg-type]  # likewise
    late = ", late" if time.monotonic() - begin >= 0.1 and what.startswith("right") else ""
    assert (answer.status, _what(answer.body, right) + late) == (status, what)
    assert {header: answer.headers.get(header) for header in headers} == headers
    platform.simulator.faults.clear()
    assert (await call()).body == right


def test_every_kind_of_fault_is_in_the_table() -> None:
    """No fault goes untried."""
    assert {fault.kind for fault, *_ in FAULTS.values()} == {*KINDS}


async def test_faults_strike_only_what_they_are_meant_for() -> None:
    """A fault is narrowed by account, endpoint and task, and over after its count; the first that strikes wins."""
    async with serving(SimulatorOptions(tasks=3, accounts=2, start=HALF_PAST_NINE, php_flavours=False)) as platform:
        one, two, _ = platform.account.tasks.values()
        simulator = platform.simulator

        async def struck(*faults: Fault) -> list[int]:
            simulator.faults[:] = faults
            calls = [platform.stat(task=one), platform.stat(task=two), platform.get(f"{platform.user}/task")]
            return [(await call).status for call in calls]

        assert await struck(Fault(kind="status")) == [500, 500, 500]
        assert await struck(Fault(kind="status", endpoint="stat")) == [500, 500, 200]
        assert await struck(Fault(kind="status", endpoint="tasks")) == [200, 200, 500]
        assert await struck(Fault(kind="status", task=two.id)) == [200, 500, 200]
        assert await struck(Fault(kind="status", count=2)) == [500, 500, 200]
        assert await struck(Fault(kind="status", count=0)) == [200, 200, 200]
        assert await struck(Fault(kind="status", account=simulator.accounts[1].user_id)) == [200, 200, 200]
        assert await struck(Fault(kind="status", task=one.id, status=403), Fault(kind="status")) == [403, 500, 500]


async def test_latency_adds_to_other_faults_and_to_refusals(platform: Platform) -> None:
    """Latencies add up, with their jitter, and whatever is answered comes late: faults and refusals as well."""
    late = [Fault(kind="latency", seconds=0.06), Fault(kind="latency", seconds=0.06, jitter=0.02, count=2)]
    platform.simulator.faults[:] = [*late, Fault(kind="status", status=503, count=1)]
    for path, status in ((f"{platform.user}/message", 503), (f"{platform.user}/task/x/stat", 404)):
        begin = time.monotonic()
        assert (await platform.get(path)).status == status
        assert time.monotonic() - begin >= 0.12
    delays = [platform.simulator.answer(_request(platform, "/message")).delay for _ in range(20)]
    assert delays == [0.06] * 20  # the second is over


async def test_jitter_varies_a_latency_within_its_bounds(platform: Platform) -> None:
    """No two delays are alike, none is shorter than the latency, and none longer than latency and jitter."""
    simulator, request = platform.simulator, _request(platform, "/message")
    simulator.add_fault(Fault(kind="latency", seconds=1, jitter=0.5))
    delays = [simulator.answer(request).delay for _ in range(50)]
    assert len(set(delays)) == 50
    assert 1 <= min(delays) < 1.1
    assert 1.4 < max(delays) < 1.5
    simulator.clear_faults()
    assert simulator.answer(request).delay == 0


async def test_a_fault_can_be_a_matter_of_luck(platform: Platform) -> None:
    """A fault of probability 0.5 strikes about half of the calls, one of 0 none."""
    for probability, bounds in ((0.5, (70, 130)), (0.0, (0, 0))):
        platform.simulator.faults[:] = [Fault(kind="status", probability=probability)]
        struck = [(await platform.stat()).status for _ in range(200)].count(500)
        assert bounds[0] <= struck <= bounds[1]


async def test_the_quota_is_kept() -> None:
    """Over the calls a second that an account is allowed come 429s, with the headers; the clock brings new calls."""
    options = SimulatorOptions(tasks=1, accounts=2, quota=3, start=HALF_PAST_NINE, speed=1)
    async with serving(options) as platform:
        answers = [await platform.get(f"{platform.user}/task") for _ in range(5)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
        assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"3"}
        assert answers[-1].headers["Retry-After"] == "1"
        assert answers[-1].headers["X-RateLimit-Remaining"] == "0"
        assert answers[-1].document["code"] == 429
        assert platform.simulator.calls["throttled"] == 2
        platform.clock.now += 0.4
        assert [(await platform.get(f"{platform.user}/task")).status for _ in range(2)] == [200, 429]
        platform.clock.now += 100
        assert [(await platform.get(f"{platform.user}/task")).status for _ in range(4)] == [200, 200, 200, 429]
        other = platform.simulator.accounts[1]
        path = f"/agent-api/user/{other.user_id}/task"
        assert (await platform.get(path, Authorization=f"Bearer {other.token}")).status == 200


async def test_the_quota_is_told_with_refusals_too() -> None:
    """A 404 costs a call as well and says how many are left; a 401 belongs to no account; a slow quota makes one wait."""
    async with serving(SimulatorOptions(tasks=1, quota=0.25, start=HALF_PAST_NINE, speed=1)) as platform:
        path = f"{platform.user}/task/{platform.account.user_id}/stat"
        unknown, over = await platform.get(path), await platform.get(path)
        assert (unknown.status, unknown.headers["X-RateLimit-Limit"]) == (404, "0.25")
        assert (over.status, over.headers["Retry-After"]) == (429, "4")
        nobody = await platform.get(path, Authorization="Bearer x")
        assert (nobody.status, nobody.headers.get("X-RateLimit-Limit")) == (401, None)
        platform.clock.now += 4
        assert (await platform.get(path)).status == 404


def test_the_clock_can_be_hurried_stopped_and_moved() -> None:
    """Simulated time is the clock's at the set speed, goes on from where it is at a change, and jumps when told to."""
    clock = Clock(5000.0)
    simulator = Simulator(SimulatorOptions(tasks=1, start=HALF_PAST_NINE, speed=60), clock=clock)
    times = [simulator.now()]
    for speed, jump in ((60.0, 0.0), (0.0, 0.0), (0.0, 100.0), (2.0, 0.0)):
        simulator.set_speed(speed)
        simulator.advance(jump)
        clock.now += 10
        times.append(simulator.now())
    assert [now - HALF_PAST_NINE for now in times] == [0, 600, 600, 700, 720]


def test_without_a_start_it_is_half_past_nine_in_china() -> None:
    """The day is the clock's, in China; the dialling begins."""
    clock = Clock(HALF_PAST_NINE + 15 * HOUR)  # past midnight there, not yet in Europe
    assert Simulator(SimulatorOptions(tasks=0), clock=clock).start == HALF_PAST_NINE + 24 * HOUR


def test_the_same_options_give_the_same_platform() -> None:
    """Users, tasks, tokens and what happens are decided by the options; another seed decides otherwise."""
    told = []
    for seed in (1, 1, 2):
        simulator = Simulator(SimulatorOptions(seed=seed, tasks=5, sub_accounts=1, start=HALF_PAST_NINE), clock=Clock())
        simulator.advance(HOUR)
        tasks = [truth(simulator, task) for task in simulator.accounts[0].tasks]
        told.append((simulator.accounts[0].token, simulator.accounts[0].sub_users, tasks))
    assert told[0] == told[1] != told[2]


async def test_the_control_path_tells_and_does(platform: Platform) -> None:
    """Truth, calls and accounts can be read; faults, incidents and the clock can be set."""
    task = platform.first
    accounts = (await platform.control("GET", "accounts")).document
    assert accounts == [
        {"user_id": platform.account.user_id, "token": platform.account.token, "tasks": [*platform.account.tasks]}
    ]
    assert (await platform.control("POST", "faults", {"kind": "status", "status": 418})).document == {"ok": True}
    assert (await platform.stat()).status == 418
    await platform.control("DELETE", "faults")
    assert (await platform.stat()).status == 200
    calls = (await platform.control("GET", "calls")).document
    assert (calls["stat"], calls[task.id]) == (2, 2)
    before = platform.simulator.now()
    await platform.control("POST", "clock", {"advance": 60})
    await platform.control("POST", "clock", {"speed": 5})
    platform.clock.now += 2
    assert platform.simulator.now() == before + 70
    told = (await platform.control("GET", "truth")).document
    assert told == {each: truth(platform.simulator, each) for each in platform.account.tasks}


async def test_incidents_happen(platform: Platform) -> None:
    """Each incident changes what the API tells of its task, at once."""
    platform.simulator.advance(HOUR)
    task = platform.first

    async def happen(kind: str) -> Any:
        answer = await platform.control("POST", "incidents", {"kind": kind, "task": task.id})
        assert answer.document == {"task": task.id}
        return truth(platform.simulator, task.id)

    assert (await happen("carrier_block"))["incident"] == "carrier_block"
    assert (await happen("bad_list"))["incident"] == "bad_list"
    assert (await happen("over"))["incident"] == ""
    assert (await happen("pause"))["state"] == "paused"
    assert (await happen("resume"))["state"] == "running"
    before = (await platform.stat(task=task)).data["answer_rate"]["answered"]
    reset = await happen("reset")
    assert (reset["resets"], reset["answered"]) == (1, before)
    assert before > 0 == (await platform.stat(task=task)).data["answer_rate"]["answered"]
    await happen("vanish")
    assert (await platform.stat(task=task)).status == 404
    listed = [
        (await platform.get(f"{base}/task", ("per_page", "100"))).data for base in (platform.user, platform.new_user)
    ]
    assert task.id not in {entry["uuid"] for entries in listed for entry in entries}
    new = (await platform.control("POST", "incidents", {"kind": "appear"})).document["task"]
    assert (await platform.stat(task=platform.account.tasks[new])).status == 200


async def test_a_task_that_appears_begins_at_once(platform: Platform) -> None:
    """It was created now, has not made a call yet, and makes its first within minutes of the next dial window."""
    platform.simulator.advance(0.5 * HOUR)
    new = platform.simulator.incident("appear")
    true = platform.simulator.truth(new)
    assert (true["answered"], true["unanswered"], true["progress"]) == (0, 0, 0)
    task = platform.account.tasks[new]
    base = platform.user if task.generation == 1 else platform.new_user
    entries = {entry["uuid"]: entry for entry in (await platform.get(f"{base}/task", ("per_page", "100"))).data}
    assert entries[new]["create_datetime"] == "2025-06-30 10:00:00"
    platform.simulator.advance(120)
    assert platform.simulator.truth(new)["unanswered"] > 0


async def test_every_429_is_counted(platform: Platform) -> None:
    """Those of a fault count like those over the quota."""
    platform.simulator.add_fault(Fault(kind="throttle", count=2))
    assert [(await platform.stat()).status for _ in range(3)] == [429, 429, 200]
    assert (await platform.control("GET", "calls")).document["throttled"] == 2


@pytest.mark.parametrize(("asked", "encoding"), [("gzip, deflate", "gzip"), ("identity", None)])
async def test_only_long_documents_are_compressed(asked: str, encoding: str | None) -> None:
    """A long list comes compressed if the client likes, statistics never do; both are read alike."""
    async with serving(SimulatorOptions(tasks=150, start=HALF_PAST_NINE)) as platform:
        path, header = f"{platform.new_user}/task", {"Accept-Encoding": asked}
        answer = await platform.get(path, ("per_page", "100"), **header)
        assert answer.headers.get("Content-Encoding") == encoding
        assert (int(answer.headers["Content-Length"]) < len(answer.body) / 2) == (encoding is not None)
        assert len(answer.data) == 100
        few = await platform.get(path, ("per_page", "5"), **header)
        assert "Content-Encoding" not in few.headers
        assert few.data == answer.data[:5]


NO_HTTP = {
    "no request line": b"HELLO\r\n\r\n",
    "a length in words": b"GET / HTTP/1.1\r\nContent-Length: long\r\n\r\n",
    "a negative length": b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "too long a body": b"POST /_control/faults HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
    "too long a head": b"GET /" + b"x" * 70_000,
}
LAST = {
    "HTTP/1.0": b"GET /_control/calls HTTP/1.0\r\n\r\n",
    "on request": b"GET /_control/calls HTTP/1.1\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("name", [*NO_HTTP, *LAST])
async def test_a_connection_is_closed_when_it_is_of_no_more_use(platform: Platform, name: str) -> None:
    """What is no HTTP is answered 400, what is the last request is answered; both end the connection."""
    host, _, port = platform.url.removeprefix("http://").partition(":")
    reader, writer = await open_connection(host, int(port))
    writer.write(NO_HTTP.get(name) or LAST[name])
    answer = await wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 400 " if name in NO_HTTP else b"HTTP/1.1 200 ")
    writer.close()


async def test_requests_may_come_in_pieces_or_together(platform: Platform) -> None:
    """Each request of a connection is answered in its turn, a slow one before the next."""
    platform.simulator.add_fault(Fault(kind="latency", seconds=0.02, endpoint="message"))
    host, _, port = platform.url.removeprefix("http://").partition(":")
    reader, writer = await open_connection(host, int(port))
    head = f" HTTP/1.1\r\nAuthorization: Bearer {platform.account.token}\r\n"
    slow = f"GET {platform.user}/message{head}\r\n".encode()
    last = f"GET /nowhere{head}Connection: close\r\n\r\n".encode()
    for piece in (slow[:20], slow[20:] + slow + last[:9], last[9:]):
        writer.write(piece)
        await writer.drain()
    answer = await wait_for(reader.read(), 5)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"404"]
    writer.close()


BAD_CONTROL = {
    "no such path": ("GET", "nothing", None, "there is no GET /_control/nothing"),
    "no such method": ("POST", "truth", {}, "there is no POST /_control/truth"),
    "no json": ("POST", "faults", b"{", "Expecting"),
    "a list": ("POST", "faults", [1], "the body: expected a JSON object"),
    "unknown kind": ("POST", "faults", {"kind": "flood"}, "kind: 'flood' is no fault; expected one of status, throttle"),
    "no kind": ("POST", "faults", {}, "kind: missing"),
    "unknown part": ("POST", "faults", {"kind": "html", "where": "here"}, "where: is not known; expected one of kind, task"),
    "unknown endpoint": ("POST", "faults", {"kind": "html", "endpoint": "stats"}, "endpoint: 'stats' is none; expected one of stat"),
    "truth for a number": ("POST", "faults", {"kind": "html", "count": True}, "count: expected a whole number"),
    "number for truth": ("POST", "faults", {"kind": "throttle", "date": 1}, "date: expected true or false"),
    "number for words": ("POST", "faults", {"kind": "html", "task": 5}, "task: expected a string"),
    "words for a number": ("POST", "faults", {"kind": "html", "probability": "1"}, "probability: expected a number"),
    "code": ("POST", "faults", {"kind": "status", "status": 42}, "status: expected a whole number from 100 to 999"),
    "jitter": ("POST", "faults", {"kind": "latency", "jitter": -1}, "jitter: expected a number from 0 up"),
    "no incident": ("POST", "incidents", None, "the body: expected a JSON object"),
    "part of an incident": ("POST", "incidents", {"kind": "reset", "id": "x"}, "id: is not known; expected one of kind, task"),
    "probability": ("POST", "faults", {"kind": "html", "probability": 2}, "probability: expected a number from 0 to 1"),
    "count": ("POST", "faults", {"kind": "html", "count": -1}, "count: expected a whole number from 0 up"),
    "status": ("POST", "faults", {"kind": "status", "status": "500"}, "status: expected a whole number"),
    "seconds": ("POST", "faults", {"kind": "latency", "seconds": -1}, "seconds: expected a number from 0 up"),
    "unknown incident": ("POST", "incidents", {"kind": "strike"}, "kind: 'strike' is no incident; expected one of carrier_block"),
    "no task": ("POST", "incidents", {"kind": "reset"}, "task: missing; reset happens to a task"),
    "unknown task": ("POST", "incidents", {"kind": "reset", "task": "x"}, "task: 'x' is no task"),
    "speed": ("POST", "clock", {"speed": "fast"}, "speed: expected a number"),
    "negative speed": ("POST", "clock", {"speed": -1}, "speed: expected a number from 0 up"),
    "endless advance": ("POST", "clock", b'{"advance": Infinity}', "advance: expected a number from 0 up"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CONTROL)
async def test_bad_requests_to_the_control_path_change_nothing(platform: Platform, name: str) -> None:
    """What cannot be done is answered 400 with the reason, and the simulator goes on as before."""
    method, path, body, error = BAD_CONTROL[name]
    answer = await platform.control(method, path, body)
    assert answer.status == 400
    assert error in answer.document["error"]
    assert platform.simulator.faults == []
    assert (platform.simulator.speed, platform.simulator.now()) == (1, HALF_PAST_NINE)
    assert (await platform.stat()).status == 200


async def test_only_so_many_tasks_can_appear(platform: Platform) -> None:
    """The simulator has five spare tasks; after them it says so."""
    statuses = [(await platform.control("POST", "incidents", {"kind": "appear"})).status for _ in range(6)]
    assert statuses == [200] * 5 + [400]


def test_flags_make_the_simulator() -> None:
    """Options, faults and incidents given as flags are there from the start."""
    words = ["--seed=4", "--tasks=7", "--accounts=2", "--sub-accounts=1", "--speed=5", "--scale=0.5", "--quota=9.5"]
    words += [
        "--opaque-token",
        "--fault",
        "status,status=502,probability=0.1",
        "--fault=throttle,seconds=3,count=5,date=true",
    ]
    words += ["--incident=carrier_block"]
    simulator = demo._make_simulator(demo._parser("simulate", "").parse_args(words))
    assert simulator.options == SimulatorOptions(
        seed=4, tasks=7, accounts=2, sub_accounts=1, speed=5, scale=0.5, quota=9.5, opaque_token=True
    )
    assert simulator.faults == [
        Fault(kind="status", status=502, probability=0.1),
        Fault(kind="throttle", seconds=3, count=5, date=True),
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
    usage, _, told = capsys.readouterr().err.partition(f"yunfu-exporter {command}: error: ")
    assert usage.startswith(f"usage: yunfu-exporter {command} ")
    assert told.startswith(BAD_FLAGS[flag])
    assert told.count("\n") == 1


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


async def test_simulate_serves_what_it_prints() -> None:
    """The command prints its address and each account's variables, serves them, and ends well at SIGTERM."""
    words = ["simulate", f"--listen=127.0.0.1:{_free_port()}", "--tasks=3", "--accounts=2"]
    process = await create_subprocess_exec(sys.executable, "-m", "exporter", *words, stdout=subprocess.PIPE)
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
    listen = f"127.0.0.1:{_free_port()}"
    words = ["demo", f"--listen={listen}", f"--simulator-listen=127.0.0.1:{_free_port()}", "--tasks=4"]
    process = await create_subprocess_exec(sys.executable, "-m", "exporter", *words, stdout=subprocess.PIPE)
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
