"""The pages through real HTTP: languages, headers, escaping, and what is answered to nonsense."""

from __future__ import annotations

import asyncio
import gc
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest

from exporter.api.errors import Exchange, Failure
from exporter.api.model import Task, TaskRef, TaskState, parse_stats
from exporter.config.settings import LinksSettings
from exporter.lists.choices import Choice, HidingSetting
from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.records import AccountStatus, PollOutcome
from exporter.metrics.store import Store
from exporter.polling.facts import AccountFacts
from exporter.web.app import make_app
from exporter.web.exporter import Broken
from exporter.web.server import listening
from grafana.board import uid
from grafana.words import Language
from tests.support.exporter import SETTINGS, FakeAccount, FakeExporter
from tests.support.programs import Reply, fetch, free_port
from tests.support.tools import documented

NOW = 1_751_000_000.0
TASK = "61551b2c-e3f3-4707-b4ed-f362f0925e03"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"
VOID = {"meta", "link", "input", "img"}


class _Checked(HTMLParser):
    """Checks that what is opened is closed, and collects tags, ids and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(page: str) -> _Checked:
    """Check a page's markup: well nested, no id twice, and nothing that a strict content security policy refuses."""
    checked = _Checked()
    checked.feed(page)
    assert checked.open == []
    assert len(set(checked.ids)) == len(checked.ids)
    assert "style" not in checked.tags
    assert not {name for name in checked.attributes if name == "style" or name.startswith("on")}
    assert all(script.startswith(' src="static/') for script in re.findall(r"<script([^>]*)>", page))
    return checked


@dataclass
class Site:
    """The pages over a store that a test fills."""

    url: str
    grafana: str | None = None
    store: Store = field(default_factory=lambda: Store(TaskRenderer(), lambda: NOW, 300))
    accounts: dict[str, FakeAccount] = field(default_factory=dict)
    broken: dict[str, Broken] = field(default_factory=dict)

    def exporter(self) -> FakeExporter:
        """Return the exporter that the pages show."""
        settings = SETTINGS.model_copy(update={"links": LinksSettings(grafana=self.grafana)})
        return FakeExporter(self.store, self.accounts, settings=settings, broken=self.broken)

    def fill(self, *names: str, account: str = "main") -> None:
        """Lay in an account and tasks that have answered as documented; the first one has TASK's id."""
        self.store.put_account(AccountStatus(account, up=True))
        for index, name in enumerate(names):
            ref = TaskRef(account, f"{index:08x}{TASK[8:]}" if index else TASK)
            task = Task(ref, min_answer_ratio=0.2, name=name, generation="2", state=TaskState.RUNNING)
            self.store.record_poll(task, PollOutcome(parse_stats(documented())), 60)

    async def get(self, path: str, **headers: str) -> Reply:
        """Make a request from a thread; ``_`` in a header's name stands for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await asyncio.to_thread(fetch, self.url + path, "GET", named)


@asynccontextmanager
async def site(grafana: str | None = None) -> AsyncIterator[Site]:
    """Serve a site."""
    port = free_port()
    it = Site(f"http://127.0.0.1:{port}", grafana)
    async with listening(make_app(it.exporter()), [("127.0.0.1", port)]):
        yield it


PATHS = ["/", "/?show=unpolled", f"/task?account=main&task={TASK}", f"/task?account=x&task={TASK}", "/task"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("lang", ["en", "zh-CN"])
async def test_pages_are_sound_markup(path: str, lang: str) -> None:
    """Well nested, every id once, no inline script or style, in both languages."""
    async with site() as it:
        it.fill("first", "second")
        reply = await it.get(path, Accept_Language=lang)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert f'<html lang="{lang}">' in reply.text
    check(reply.text)


async def test_the_language_can_be_switched_and_is_remembered() -> None:
    """A link switches, a cookie remembers, and both go before what the browser asks for."""
    async with site() as it:
        switched = await it.get("/?lang=zh&q=x", Accept_Language="en")
        cookie = switched.headers["set-cookie"]
        remembered = await it.get("/", Accept_Language="en", Cookie=cookie.partition(";")[0])
        back = await it.get("/?lang=en", Accept_Language="zh", Cookie="lang=zh")
        nonsense = await it.get("/?lang=xx", Accept_Language="zh", Cookie="lang=<script>")
    assert 'lang="zh-CN"' in switched.text
    assert 'href="./?lang=en&amp;q=x"' in switched.text
    assert re.fullmatch(r"lang=zh; HttpOnly; Max-Age=31536000; Path=/; SameSite=Lax", cookie)
    assert 'lang="zh-CN"' in remembered.text
    assert "set-cookie" not in remembered.headers
    assert 'lang="en"' in back.text
    assert 'lang="zh-CN"' in nonsense.text
    assert "set-cookie" not in nonsense.headers
    assert {"Accept-Language", "Cookie"} <= set(switched.headers["vary"].split(", "))


async def test_nothing_foreign_is_injected() -> None:
    """Names, accounts and what is asked for are text, wherever they stand."""
    async with site() as it:
        it.fill(HOSTILE)
        named = await it.get("/?q=img")
        page = await it.get(f"/task?account=main&task={TASK}")
        echoed = await it.get("/?q=%3Cscript%3E&account=%22%3E%3Cb%3E&sort=%3Cb%3E")
        missing = await it.get(f"/task?account=%3Cb%3E&task={TASK}")
    for reply in (named, page, echoed, missing):
        tags = check(reply.text).tags
        assert tags.count("script") == 1
        assert not {"img", "b"} & set(tags)
        assert "49" not in reply.text.partition("alert(1)")[2][:20]
    assert "&lt;script&gt;alert(1)" in named.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert 'value="&lt;script&gt;"' in echoed.text


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/task", 400, "A task is addressed by its account"),
        ("/task?account=main", 400, "A task is addressed by its account"),
        ("/task?account=main&task=x", 400, "A task is addressed by its account"),
        (f"/task?task={TASK}", 400, "A task is addressed by its account"),
        (f"/task?account=nobody&task={TASK}", 404, "No account is called “nobody”. Configured: main."),
        (f"/task?account=main&task={TASK[:-1]}4", 404, "Discovery is off for this account"),
        (f"/task?account=main&task={TASK.upper()}", 200, "first"),
        ("/static/style.css", 200, "prefers-color-scheme"),
        ("/static/nothing.css", 404, "404"),
        ("/static/..%2fsite.py", 404, "404"),
        ("/static/%2e%2e/site.py", 404, "404"),
    ],
)
async def test_what_is_not_there_is_answered_with_help(path: str, status: int, text: str) -> None:
    """A page that says what is wrong, with the status that fits."""
    async with site() as it:
        it.fill("first")
        reply = await it.get(path)
    assert reply.status == status
    assert text in reply.text


async def test_files_may_be_kept_and_pages_may_not() -> None:
    """A file's link changes when it does; a page is never shown from a cache."""
    async with site() as it:
        page = await it.get("/")
        links = re.findall(r'(?:href|src)="(static/[^"]+)"', page.text)
        files = [await it.get(f"/{link}") for link in links]
    assert page.headers["cache-control"] == "no-store"
    assert len(files) == 3
    assert all("immutable" in reply.headers["cache-control"] for reply in files)
    assert {reply.headers["content-type"] for reply in files} == {
        "image/svg+xml; charset=utf-8",
        "text/css; charset=utf-8",
        "text/javascript; charset=utf-8",
    }


async def test_grafana_is_linked_where_it_is_known() -> None:
    """The dashboards are those of the reader's language, and a task's page leads to the task's."""
    async with site(grafana="https://grafana.example.com") as it:
        it.fill("first")
        english, chinese = [(await it.get(PATHS[2], Accept_Language=language)).text for language in ("en", "zh")]
        assert (
            'href="https://grafana.example.com/d/yunfu-overview-zh"' in (await it.get("/", Accept_Language="zh")).text
        )
    assert f'/d/{uid("task", Language.ENGLISH)}?var-account=main&amp;var-task={TASK}"' in english
    assert f'/d/{uid("task", Language.CHINESE)}?var-account=main&amp;var-task={TASK}"' in chinese
    async with site() as it:
        assert "Grafana" not in (await it.get("/")).text


async def test_links_are_relative() -> None:
    """So that the pages work below a path of a proxy's, too."""
    async with site() as it:
        it.fill("first")
        pages = [(await it.get(path)).text for path in PATHS]
    links = {link for page in pages for link in re.findall(r'(?:href|src|action)="([^"]*)"', page)}
    assert links
    assert not {link for link in links if link.startswith("/") or "//" in link}


async def test_a_task_s_page_shows_its_last_request_without_host_and_token() -> None:
    """The path that can be looked for in the platform's own log, what came back, and what was read of it."""
    async with site() as it:
        it.fill("first")
        record = it.store.record(TaskRef("main", TASK))
        assert record is not None
        unasked = await it.get(PATHS[2])
        outcome = PollOutcome(parse_stats(documented()), exchange=Exchange(200, 1834, 0.21))
        it.store.record_poll(record.status.task, outcome, 60)
        page = await it.get(PATHS[2])
        refused = PollOutcome(failure=Failure("http_5xx", "no"), exchange=Exchange(502, None, 0.3))
        it.store.record_poll(record.status.task, refused, 60)
        failed = await it.get(PATHS[2])
    assert "None since the exporter started." in unasked.text
    account = SETTINGS.accounts[0]
    assert f"<code>/agent-api/user/{account.user_id}/task/{TASK}/stat</code>" in page.text
    for said in ("<dd>200</dd>", "1,834 bytes", "12:53:20 UTC+8, took 210 ms", "<code>answer_rate</code> 4"):
        assert said in page.text
    for said in ("<dd>502</dd>", "took 300 ms"):
        assert said in failed.text
    assert "bytes" not in failed.text
    assert "Fields read" not in failed.text
    assert "api.example.com" not in page.text + failed.text
    assert "planted" not in page.text + failed.text


async def test_an_inbound_task_is_marked_and_has_no_threshold() -> None:
    """On the overview and on the task's page: the threshold is for calls that go out."""
    async with site() as it:
        it.fill("first")
        record = it.store.record(TaskRef("main", TASK))
        assert record is not None
        it.store.put_task(replace(record.status.task, kind="outbound"), 60)
        outbound = [(await it.get(path)).text for path in ("/", PATHS[2])]
        it.store.put_task(replace(record.status.task, kind="inbound"), 60)
        inbound = [(await it.get(path)).text for path in ("/", PATHS[2])]
    assert "Inbound" not in outbound[0]
    assert all('class="tick"' in page for page in outbound)
    for page in inbound:
        assert "Inbound" in page
        assert 'class="tick"' not in page
        assert "<dt>Threshold" not in page


async def test_a_paused_account_s_tasks_say_until_when() -> None:
    """On the overview and on the task's page, instead of the next poll."""
    async with site() as it:
        it.fill("first")
        it.accounts["main"] = FakeAccount(AccountFacts(calls_needed=1, calls_allowed=2, held_seconds=40))
        pages = [(await it.get(path)).text for path in ("/", PATHS[2])]
    for page in pages:
        assert "account paused until 12:54:00 UTC+8" in page
        assert "polling now" not in page


async def test_a_task_that_is_not_polled_has_the_reason_beside_it() -> None:
    """Among the tasks that are not polled, and on its own page, in words."""
    ref = TaskRef("main", f"f{TASK[1:]}")
    hidden = Choice(Task(ref, min_answer_ratio=0.2, name="left out"), "", HidingSetting.EXCLUDE)
    async with site() as it:
        it.fill("first")
        known = AccountFacts(calls_needed=1, calls_allowed=2, hidden={ref.id: hidden}, hidden_total=1)
        it.accounts["main"] = FakeAccount(known)
        pages = [await it.get(path) for path in ("/?show=unpolled", f"/task?account=main&task={ref.id}")]
    for page in pages:
        check(page.text)
        assert "left out" in page.text
        assert "its name matches discovery.exclude" in page.text


async def test_the_trouble_of_the_exporter_itself_is_on_the_page() -> None:
    """In orange, with the faults as the log has them, as text."""
    async with site() as it:
        it.fill("first")
        it.broken["web"] = Broken(NOW - 60, ["web.yml: <b>: unknown key"])
        page = (await it.get("/")).text
    assert '<p class="warn">The web configuration is broken (since 12:52:20 UTC+8)' in page
    assert "<code>web.yml: &lt;b&gt;: unknown key</code>" in page
    check(page)


@pytest.fixture
def frozen_heap() -> Iterator[None]:
    """Keep the collector from going through all that the other tests left behind."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("frozen_heap")
async def test_ten_thousand_tasks_do_not_hold_the_loop() -> None:
    """While the overview of 10,000 tasks is made, others have their turn at least every 50 ms of work."""
    async with site() as it:
        it.fill(*(f"老客户回访-{index}" for index in range(10_000)))
        gc.freeze()  # the daemon makes full collections rare
        await it.get("/")  # whatever is done once is done
        held: list[float] = []

        async def tick() -> None:
            while True:
                before = time.thread_time()
                await asyncio.sleep(0)
                held.append(time.thread_time() - before)

        ticking = asyncio.create_task(tick())
        replies = [await it.get(path) for path in ("/", "/?q=9", "/?sort=-name&page=180", "/?show=look")]
        ticking.cancel()
    assert "10,000" in replies[0].text
    assert all(len(reply.text) < 300_000 for reply in replies)
    assert max(held) < 0.05
