"""Words for label values: every value has its words, and where colours are used its colour."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import exporter.web.pages
from exporter.api.errors import REASONS, ApiError
from exporter.api.model import STATUSES, TaskState, TaskStats
from exporter.api.quota import LimitReason
from exporter.lists.entries import task_lists
from exporter.metrics.counters import TaskCounters
from exporter.metrics.tags import OTHER
from exporter.words.labels import LABELS, LIMIT_REASONS
from grafana import palette
from grafana.words import ALERTS
from tests.support.backfill import read_rules

STYLE = Path(exporter.web.pages.__file__).parent / "static" / "style.css"
HAN = re.compile("[\u4e00-\u9fff]")


def errors(kind: type[ApiError] = ApiError) -> Iterator[type[ApiError]]:
    """Yield the errors of the API, each kind of them."""
    yield kind
    for each in kind.__subclasses__():
        yield from errors(each)


def test_the_values_of_the_api_are_those_that_have_words() -> None:
    """Statuses, states and reasons are named one by one, in the API's own order, which is thus the only one."""
    assert tuple(LABELS["status"]) == STATUSES
    assert tuple(LABELS["state"]) == tuple(TaskState)
    assert tuple(LABELS["reason"]) == REASONS


def test_every_error_has_a_reason_that_is_named() -> None:
    """A new kind of failure belongs to the reasons that are counted from 0, with their words and colours."""
    assert {reason for each in errors() if (reason := getattr(each, "reason", ""))} <= set(REASONS)


def test_the_endpoints_called_are_those_that_have_words() -> None:
    """The statistics and every list of tasks."""
    lists = {each.endpoint for each in task_lists("", (1, 2), sub_accounts=True)}
    assert {"stat", *lists} == set(LABELS["endpoint"])


def test_the_outcomes_counted_are_those_that_have_words() -> None:
    """A call was answered or not."""
    counters = TaskCounters()
    counters.observe(TaskStats(answered=1, unanswered=1))
    assert counters.calls.keys() == LABELS["outcome"].keys()


def test_the_rest_of_the_tags_has_words() -> None:
    """What is beyond the limit of tags is not a tag's name."""
    assert set(LABELS["tag"]) == {OTHER}


def test_every_reason_of_the_limit_is_said_in_both_languages() -> None:
    """What decides the calls per minute has words, in the order of the enumeration."""
    assert tuple(LIMIT_REASONS) == tuple(LimitReason)
    for text in LIMIT_REASONS.values():
        assert text.en.strip()
        assert not HAN.search(text.en)
        assert HAN.search(text.zh)


@pytest.mark.parametrize("label", LABELS)
def test_every_value_is_said_in_both_languages(label: str) -> None:
    """Each text is there, and a Chinese one that is not a number has Chinese in it."""
    for value, text in LABELS[label].items():
        assert text.en.strip(), value
        assert not HAN.search(text.en), value
        assert HAN.search(text.zh) or (text.zh == text.en and label == "generation"), value


@pytest.mark.parametrize("label", palette.COLOURS)
def test_every_value_has_a_colour_where_colours_are_used(label: str) -> None:
    """The dashboards colour just the values that have words, each in its own colour, of ways to fail and of results alike."""
    values = {**LABELS, "alertname": ALERTS}[label]
    colours = palette.COLOURS[label]
    assert set(colours) == set(values)
    assert label == "alertname" or len(set(colours.values())) == len(colours)


def test_the_alerts_with_words_are_those_of_the_rules() -> None:
    """Every alert on a task has a title on the dashboards."""
    rules = {rule.name for rule in read_rules() if rule.is_alert}
    assert {name for name in rules if name.startswith("YunfuTask") and name != "YunfuTasksLeftOut"} == set(ALERTS)


def test_pages_and_dashboards_have_the_same_colours() -> None:
    """A status of numbers has one colour, wherever it is looked at."""
    sheet = STYLE.read_text(encoding="utf-8")
    colours = dict(re.findall(r"\.status-(\w+) \{ fill: (#\w+); \}", sheet))
    assert {name: colour for name, colour in colours.items() if name != "other"} == palette.STATUS_COLOURS
    for name, colour in (("good", palette.GOOD), ("warn", palette.WARN), ("bad", palette.BAD)):
        assert f".{name}-fill {{ fill: {colour}; }}" in sheet
