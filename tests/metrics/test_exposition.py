import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from exporter.api.errors import Failure
from exporter.api.model import Task, TaskRef, TaskState, TaskStats, parse_stats
from exporter.api.scalars import clean_label
from exporter.metrics.exposition import Page, TaskRenderer, read_samples
from exporter.metrics.families import Family
from exporter.metrics.records import PollOutcome, WindowStats
from exporter.metrics.store import Store
from exporter.words.text import Text
from tests.support.clock import Clock
from tests.support.golden import FILES, NOW, POLLED, STALE_AFTER, UNPOLLED, golden_page
from tests.support.tools import DATA, documented, need

REF = TaskRef("main", "61551b2c-e3f3-4707-b4ed-f362f0925e03")
TASK = Task(REF, min_answer_ratio=0.2)
INTERVAL = 60.0
BOTH_FORMATS = pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "openmetrics"])


def _page(store: Store, *, now: float = NOW, openmetrics: bool = False, renderer: TaskRenderer | None = None) -> str:
    page = Page(renderer or TaskRenderer(), CollectorRegistry())
    return b"".join(page.pieces(store.records(), now, openmetrics=openmetrics)).decode()


def _read(text: str, *, openmetrics: bool) -> list[Metric]:
    if openmetrics:
        return list(read_openmetrics(text))  # type: ignore[no-untyped-call]  # the library's own gap
    return list(read_text(text))


def _families(text: str) -> list[str]:
    return [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]


@pytest.mark.parametrize(("name", "openmetrics"), FILES.items(), ids=FILES)
def test_the_page_is_the_golden_one_byte_for_byte(name: str, openmetrics: bool) -> None:  # noqa: FBT001  # a table's column
    """The documented response gives just this text; ``python -m tests.support.golden`` writes it anew."""
    assert golden_page(openmetrics=openmetrics).decode() == (DATA / name).read_text(encoding="utf-8")


RENAMED = {
    "answer_rate": {"answered": "1,200", "noAnswer": 960, "callCompletetRate": "55.56%", "taskProgress": "84 ％"},
    "intention": [
        {"intention_results": 1, "name": "A-高意向", "total": 300, "percent": 25},
        {"intention_results": 2, "name": "B级(意向客户)", "total": 240, "percent": "20%"},
        {"intention_results": 3, "name": "回访", "total": 180, "percent": 15},
        {"intention_results": 4, "name": "A-老客户", "total": "180", "percent": 15},
        {"intention_results": 5, "name": None, "total": 240, "percent": 20},
        {"intention_results": 6, "name": "F-号码无效", "total": "60", "percent": 5},
    ],
}
"""Levels as customers rename and add them, and numbers as people write them."""


def test_levels_of_any_name_and_numbers_as_people_write_them_are_on_the_page() -> None:
    """The letter of a level is its label, levels with one letter are one series, and no count is lost."""
    store = Store(TaskRenderer(), lambda: NOW, STALE_AFTER)
    store.record_poll(TASK, PollOutcome(parse_stats(RENAMED)), INTERVAL)
    labels = f'account="main",task="{REF.id}"'
    samples = [line.replace(labels, "…") for line in _page(store).splitlines() if line[0] != "#"]
    assert [line for line in samples if re.match(r"yunfu_task_(un|progress|answer|intention)", line)] == [
        "yunfu_task_answer_ratio_threshold{…} 0.2",
        "yunfu_task_answered_calls{…} 1200",
        "yunfu_task_unanswered_calls{…} 960",
        "yunfu_task_answer_ratio{…} 0.5556",
        "yunfu_task_progress_ratio{…} 0.84",
        'yunfu_task_intention_calls{…,intention="A"} 480',
        'yunfu_task_intention_calls{…,intention="B"} 240',
        'yunfu_task_intention_calls{…,intention="回访"} 180',
        'yunfu_task_intention_calls{…,intention="E"} 240',
        'yunfu_task_intention_calls{…,intention="F"} 60',
        'yunfu_task_intention_ratio{…,intention="A"} 0.4',
        'yunfu_task_intention_ratio{…,intention="B"} 0.2',
        'yunfu_task_intention_ratio{…,intention="回访"} 0.15',
        'yunfu_task_intention_ratio{…,intention="E"} 0.2',
        'yunfu_task_intention_ratio{…,intention="F"} 0.05',
    ]


@given(name=st.text(), tags=st.dictionaries(st.text(min_size=1), st.integers(0, 2**53), min_size=1, max_size=5))
@settings(deadline=None)
def test_samples_are_read_back_as_they_were_rendered(name: str, tags: dict[str, int]) -> None:
    """Whatever texts are in labels, reading our own lines gives what the library's parser reads."""
    renderer = TaskRenderer()
    store = Store(renderer, lambda: NOW, STALE_AFTER)
    cleaned = {clean_label(tag) or "-": count for tag, count in tags.items()}
    task = replace(TASK, name=clean_label(name))
    store.record_poll(task, PollOutcome(TaskStats(answer_ratio=0.125, tag_calls=cleaned)), INTERVAL)
    text = _page(store, renderer=renderer)
    samples = [sample for family in _read(text, openmetrics=False) for sample in family.samples]
    assert [*read_samples(text.encode())] == [(each.name, each.labels, each.value) for each in samples]


def test_promtool_has_no_complaint() -> None:
    """The names, types and texts pass Prometheus' own linter without a remark."""
    promtool = need("promtool", "apt-get install prometheus")
    page = (DATA / "stat.prom").read_bytes()
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


@BOTH_FORMATS
def test_all_lines_of_a_family_stand_together(openmetrics: bool) -> None:  # noqa: FBT001
    """Each family has one header, and after it only samples of its own, of all tasks."""
    families = _read(golden_page(openmetrics=openmetrics).decode(), openmetrics=openmetrics)
    assert len(families) == len({family.name for family in families}) == 29
    for family in families:
        assert family.samples
        for sample in family.samples:
            assert sample.name == family.name + ("_total" if family.type == "counter" else "")
            assert sample.timestamp is None


def test_the_exporters_own_metrics_come_last_in_both_formats() -> None:
    """The registry's metrics follow the tasks', and OpenMetrics ends in its mark even without any task."""
    registry = CollectorRegistry()
    Gauge("own", "Own.", registry=registry).set(1)
    page = Page(TaskRenderer(), registry)
    own = b"# HELP own Own.\n# TYPE own gauge\nown 1.0\n"
    assert b"".join(page.pieces([], NOW, openmetrics=False)) == own
    assert b"".join(page.pieces([], NOW, openmetrics=True)) == own + b"# EOF\n"


def test_a_value_that_is_not_told_has_no_sample_and_its_family_no_header() -> None:
    """An empty response leaves only what lasts and the counter of resets; no 0 stands for a missing number."""
    clock = Clock(NOW)
    store = Store(TaskRenderer(), clock, STALE_AFTER)
    store.record_poll(TASK, PollOutcome(parse_stats([])), INTERVAL)
    assert _families(_page(store)) == [
        "yunfu_task_info",
        "yunfu_task_state",
        "yunfu_task_up",
        "yunfu_task_last_success_timestamp_seconds",
        "yunfu_task_poll_interval_seconds",
        "yunfu_task_answer_ratio_threshold",
        "yunfu_task_resets_total",
    ]


LASTING = [
    "yunfu_task_info",
    "yunfu_task_state",
    "yunfu_task_up",
    "yunfu_task_last_success_timestamp_seconds",
    "yunfu_task_poll_interval_seconds",
]


def test_only_what_lasts_stays_when_the_statistics_are_stale() -> None:
    """Once a success is overdue, the statistics, counters, windows and facts leave; how the task fares stays."""
    clock = Clock(NOW)
    store = Store(TaskRenderer(), clock, STALE_AFTER)
    stats = parse_stats(documented())
    store.record_poll(TASK, PollOutcome(stats, (WindowStats("today", stats, NOW + 1e6),)), INTERVAL)
    boundary = NOW + INTERVAL + STALE_AFTER
    assert set(_families(_page(store, now=boundary))) > {
        "yunfu_task_calls_total",
        "yunfu_task_window_numbers",
    }
    assert _families(_page(store, now=boundary + 0.001)) == LASTING


def test_a_task_that_is_known_but_not_polled_shows_info_and_state() -> None:
    """A paused task that discovery does not have polled has no up, no interval and no statistics."""
    store = Store(TaskRenderer(), Clock(NOW), STALE_AFTER)
    store.put_task(UNPOLLED, None)
    assert _families(_page(store)) == ["yunfu_task_info", "yunfu_task_state"]


def test_a_task_that_never_answered_shows_that_it_is_down() -> None:
    """A failed first poll gives up 0 and no time of a success."""
    store = Store(TaskRenderer(), Clock(NOW), STALE_AFTER)
    store.record_poll(TASK, PollOutcome(failure=Failure("timeout", "no answer within 10 s")), INTERVAL)
    assert _families(_page(store)) == [name for name in LASTING if "last_success" not in name]
    assert f'yunfu_task_up{{account="main",task="{REF.id}"}} 0\n' in _page(store)


def test_a_gone_task_leaves_entirely() -> None:
    """A task that the platform denies leaves with all its lines once that has lasted, and no header stays."""
    store = Store(TaskRenderer(), Clock(NOW), STALE_AFTER)
    store.record_poll(TASK, PollOutcome(parse_stats(documented())), INTERVAL)
    store.record_poll(TASK, PollOutcome(failure=Failure("http_404", "no such task", missing=True)), INTERVAL)
    assert "yunfu_task_answered_calls" in _families(_page(store, now=NOW + STALE_AFTER))
    assert _page(store, now=NOW + STALE_AFTER + 0.001) == ""


def test_configured_labels_stand_on_info_alone() -> None:
    """The labels of the configuration are on yunfu_task_info, empty where a task has none, and nowhere else."""
    renderer = TaskRenderer(("region", "team"))
    store = Store(renderer, Clock(NOW), STALE_AFTER)
    for task in (POLLED, replace(TASK, state=TaskState.WAITING)):
        store.record_poll(task, PollOutcome(TaskStats(answered=1)), INTERVAL)
    families = {family.name: family for family in _read(_page(store, renderer=renderer), openmetrics=False)}
    labels = [(sample.labels["region"], sample.labels["team"]) for sample in families.pop("yunfu_task_info").samples]
    assert labels == [("", "retention"), ("", "")]
    assert not any("team" in sample.labels for family in families.values() for sample in family.samples)


def test_a_reload_that_changes_the_label_names_does_not_break_the_page() -> None:
    """Until a task's new labels are put, the ones of the new configuration are empty."""
    store = Store(TaskRenderer(("region", "team")), Clock(NOW), STALE_AFTER)
    store.put_task(POLLED, None)
    renderer = TaskRenderer(("owner",))
    store.use(renderer)
    info, _ = _read(_page(store, renderer=renderer), openmetrics=False)
    assert info.samples[0].labels["owner"] == ""
    assert "team" not in info.samples[0].labels


def test_more_tasks_than_a_piece_holds_have_one_header() -> None:
    """A large page comes in several pieces, with each header once and every task's line in place."""
    store = Store(TaskRenderer(), Clock(NOW), STALE_AFTER)
    for number in range(2500):
        store.put_task(Task(TaskRef("main", f"{number:08}"), min_answer_ratio=0.2), None)
    pieces = list(Page(TaskRenderer(), CollectorRegistry()).pieces(store.records(), NOW, openmetrics=False))
    assert [piece.count(b"\n") for piece in pieces] == [1002, 1000, 500, 4002, 4000, 2000, 0]
    info, state = read_text(b"".join(pieces).decode())
    assert [sample.labels["task"] for sample in info.samples] == [f"{number:08}" for number in range(2500)]
    assert len(state.samples) == 10000


def test_help_and_labels_are_escaped() -> None:
    """A backslash and a line break in a help text, and a quote too in a label, are written as the format says."""

    class Renderer(TaskRenderer):
        def __init__(self) -> None:
            help_text = 'a\\b\nc "d"'
            self.status_families = (
                Family(
                    name="odd",
                    title=Text("Odd", "奇怪"),
                    help=Text(help_text, ""),
                    read=lambda _: {'q"\\\n': 1.0},
                    labels=("label",),
                    lasting=True,
                ),
            )

    store = Store(Renderer(), Clock(NOW), STALE_AFTER)
    store.put_task(replace(TASK, ref=TaskRef('a"\\\n', "b")), None)
    assert _page(store, renderer=Renderer()) == (
        '# HELP odd a\\\\b\\nc "d"\n# TYPE odd gauge\nodd{account="a\\"\\\\\\n",task="b",label="q\\"\\\\\\n"} 1\n'
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (2**53, "9007199254740992"),
        (1.0, "1"),
        (0.5, "0.5"),
        (1e-08, "1e-08"),
        (1751000000.25, "1751000000.25"),
    ],
)
def test_numbers_are_written_without_loss(value: float, written: str) -> None:
    """A whole number has no point, another one all its digits."""
    lines = TaskRenderer().status(
        Store(TaskRenderer(), Clock(NOW), STALE_AFTER).render_once(replace(TASK, created=value), PollOutcome()).status
    )
    assert lines[-1].decode().endswith(f"}} {written}\n")


NASTY = st.text(st.sampled_from('"\\\n\r\t\0 {}=,#_A级1~>\x85\u2028\u00a0\ud800\udfff\U0001f600'), max_size=12)
TEXTS = NASTY | st.text(st.characters(exclude_categories=()), max_size=12) | st.text("长", min_size=190, max_size=210)
NUMBERS = (
    st.integers(0, 100)
    | st.integers()
    | st.floats()
    | st.floats(0, 100)
    | st.integers(-1, 101).map(str)
    | st.sampled_from([2**53, 2**53 + 1, 10**400, "1e400", "NaN", "1.5", -0.0, 100.00000000000001])
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container of a JSON value with each key or index of it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)


@st.composite
def mutations(draw: st.DrawFn) -> Any:
    """Draw the documented response with a few places replaced, renamed, removed or doubled."""
    data = documented()
    data["tags"] = [{"count": 1, "name": "甲"}, {"count": "2", "tag": {"name": "乙"}}]
    for _ in range(draw(st.integers(1, 5))):
        places = list(_places(data))
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        if isinstance(container, dict):
            way = draw(st.sampled_from(["replace", "rename", "remove"]))
            inner = container.pop(key)
            if way != "remove":
                container[key if way == "replace" else draw(TEXTS)] = draw(JSON) if way == "replace" else inner
        else:
            container[key:key] = [draw(JSON | st.just(container[key]))]
    return data


def _expected(stats: TaskStats) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield the samples that the statistics must give, spelt out anew."""
    plain = {
        "answered_calls": stats.answered,
        "unanswered_calls": stats.unanswered,
        "answer_ratio": stats.answer_ratio,
        "progress_ratio": stats.progress_ratio,
    }
    labelled: dict[str, tuple[str, Mapping[str, float]]] = {
        "numbers": ("status", stats.numbers),
        "intention_calls": ("intention", stats.intention_calls),
        "intention_ratio": ("intention", stats.intention_ratios),
        "round_calls": ("rounds", stats.round_calls),
        "tag_calls": ("tag", stats.tag_calls),
        "llm_tag_calls": ("tag", stats.llm_tag_calls),
    }
    for prefix, labels in (("yunfu_task_", {}), ("yunfu_task_window_", {"window": "today"})):
        for name, number in plain.items():
            if number is not None:
                yield prefix + name, labels, number
        for name, (label, values) in labelled.items():
            for text, number in values.items():
                yield prefix + name, {**labels, label: text}, number
    outcomes = {"answered": stats.answered, "unanswered": stats.unanswered}
    for outcome, count in outcomes.items():
        if count is not None:
            yield "yunfu_task_calls_total", {"outcome": outcome}, 0
    for status in stats.numbers:
        if status != "waiting":
            yield "yunfu_task_number_results_total", {"status": status}, 0
    yield "yunfu_task_resets_total", {}, 0


@BOTH_FORMATS
@settings(max_examples=150, deadline=None)
@given(data=JSON | mutations(), name=TEXTS)
def test_whatever_json_arrives_is_read_back_from_the_page(openmetrics: bool, data: Any, name: str) -> None:  # noqa: FBT001
    """No JSON makes the parser or the page fail, and every value and label comes back from the page as it was read."""
    stats = parse_stats(data)
    task = replace(TASK, name=clean_label(name))
    store = Store(TaskRenderer(), Clock(NOW), STALE_AFTER)
    store.record_poll(task, PollOutcome(stats, (WindowStats("today", stats, NOW + 1),)), INTERVAL)
    families = _read(_page(store, openmetrics=openmetrics), openmetrics=openmetrics)
    status_names = {family.name for family in TaskRenderer().status_families}
    identity = {"account": REF.account, "task": REF.id}
    samples = [
        (sample.name, sample.labels, sample.value)
        for family in families
        if family.name not in status_names
        for sample in family.samples
    ]
    expected = [(family, {**identity, **labels}, float(value)) for family, labels, value in _expected(stats)]
    assert sorted(samples, key=repr) == sorted(expected, key=repr)
    assert families[0].samples[0].labels["name"] == task.name
