"""A new metric needs one row: HELP, its windowed twin, the task's page and the references follow from it, in both languages."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from docs import build
from exporter.api.model import Task, TaskRef, TaskState, TaskStats
from exporter.metrics import families
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.families import Family, windowed
from exporter.metrics.records import AccountStatus, PollOutcome, WindowStats
from exporter.metrics.store import Store
from exporter.web.pages import add_pages
from exporter.words.text import Text
from tests.support.exporter import FakeExporter

NOW = 1_751_000_000.0
MADE_UP: Family[TaskStats] = Family(
    name="yunfu_task_moonlit_calls",
    title=Text("Moonlit calls", "月下通话数"),
    help=Text("Calls made by moonlight.", "月光下的呼叫数。"),
    fields=("moon.calls",),
    read=lambda stats: stats.answered,
)
FRESH = TaskRef("main", "61551b2c-e3f3-4707-b4ed-f362f0925e03")
WITHOUT = TaskRef("main", "61551b2c-e3f3-4707-b4ed-f362f0925e04")
UNREAD = TaskRef("main", "61551b2c-e3f3-4707-b4ed-f362f0925e05")


@pytest.fixture(autouse=True)
def _with_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a row of statistics, and so its twin."""
    stats = (*families.STATS_FAMILIES, MADE_UP)
    monkeypatch.setattr(families, "STATS_FAMILIES", stats)
    monkeypatch.setattr(families, "WINDOW_FAMILIES", tuple(map(windowed, stats)))


def filled(renderer: TaskRenderer) -> Store:
    """Return a store with a task that has the new value, one whose answer lacks it, and one where it cannot be read."""
    store = Store(renderer, lambda: NOW)
    store.put_account(AccountStatus("main", up=True))
    for ref, stats in {
        FRESH: TaskStats(answered=7),
        WITHOUT: TaskStats(),
        UNREAD: TaskStats(unread={"moon.calls": 1}),
    }.items():
        outcome = PollOutcome(stats, (WindowStats("today", stats, NOW + 3600),))
        store.record_poll(Task(ref, min_answer_ratio=0.2, state=TaskState.RUNNING), outcome, 60)
    return store


def test_a_new_metric_is_on_the_page_of_metrics() -> None:
    """With HELP and type, for the whole life and within windows."""
    renderer = TaskRenderer()
    records = filled(renderer).records()
    text = b"".join(Page(renderer, CollectorRegistry()).pieces(records, NOW, openmetrics=False)).decode()
    assert "# HELP yunfu_task_moonlit_calls Calls made by moonlight.\n# TYPE yunfu_task_moonlit_calls gauge\n" in text
    assert f'yunfu_task_moonlit_calls{{account="main",task="{FRESH.id}"}} 7\n' in text
    assert "# HELP yunfu_task_window_moonlit_calls Within the window only: Calls made by moonlight.\n" in text
    assert f'yunfu_task_window_moonlit_calls{{account="main",task="{FRESH.id}",window="today"}} 7\n' in text


@pytest.mark.parametrize(
    ("language", "title", "absent", "unread"),
    [
        ("en", "Moonlit calls", "The platform&#39;s last answer did not contain it.", "cannot be read (moon.calls)"),
        ("zh", "月下通话数", "平台最近的应答中没有此项。", "格式无法识别（moon.calls）"),
    ],
)
async def test_a_new_metric_is_on_a_task_s_page(language: str, title: str, absent: str, unread: str) -> None:
    """By its title where it has a value; where it has none, with the reason why."""
    renderer, app = TaskRenderer(), web.Application()
    add_pages(app, FakeExporter(filled(renderer), renderer=renderer))
    async with TestClient(TestServer(app)) as client:

        async def page(ref: TaskRef) -> str:
            query = {"account": ref.account, "task": ref.id, "lang": language}
            async with client.get("/task", params=query) as reply:
                assert reply.status == 200
                return await reply.text()

        assert title in await page(FRESH)
        assert absent in await page(WITHOUT)
        assert unread in await page(UNREAD)
        assert title not in await page(WITHOUT)


@pytest.mark.parametrize(
    ("say", "meaning", "twin"),
    [
        (build.in_english, "Calls made by moonlight.", "Within the window only: Calls made by moonlight."),
        (build.in_chinese, "月光下的呼叫数。", "该窗口内月光下的呼叫数。"),
    ],
)
def test_a_new_metric_is_in_the_reference(say: build.Say, meaning: str, twin: str) -> None:
    """With its meaning, and its twin's."""
    rows = list(build.metrics(say))
    assert f"| `yunfu_task_moonlit_calls` | gauge |  | {meaning} |" in rows
    assert f"| `yunfu_task_window_moonlit_calls` | gauge | `window` | {twin} |" in rows
