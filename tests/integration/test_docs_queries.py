"""The queries that the documentation shows have an answer over a working day with incidents."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.backfill import Asked, read_rules
from tests.support.dashboards import library_families, metrics_of, own_families, task_families
from tests.support.history import Served
from tests.support.markdown import Block, documents

BLOCKS = [
    block
    for document in documents()
    for block in document.blocks
    if block.language == "promql" and not block.path.name.endswith(".zh-CN.md")
]
"""Those of the Chinese documents are the same: ``tests/system/test_docs.py`` compares them."""

STEP = 300.0
EMPTY: dict[str, str] = {
    "rate(yunfu_exporter_api_throttled_seconds_total[15m]) > 0.5": "the quota suffices all day",
    "count by (account, task) (yunfu_task_up) > 1": "one exporter polls them",
    'sum by (endpoint, reason) (increase(yunfu_exporter_api_failures_total{account="main", endpoint=~".*tasks"}[1h])) > 0':
        "discovery works all day",
    'sum by (field) (increase(yunfu_exporter_unread_fields_total{account="main"}[1h])) > 0':
        "the simulator sends nothing that cannot be read",
    'yunfu:account_missing_fields:increase1h{account="main"}': "its answers hold all that is documented",
    'yunfu:account_tasks:empty{account="main"}': "the simulator's running tasks have calls and numbers",
    'yunfu_account_lists_lacking{account="main"} > 0': "the simulator has all lists",
}  # fmt: skip
"""Queries that have no answer on such a day, and why."""


def queries(block: Block) -> Iterator[str]:
    """Yield the queries of a block: each begins a line, and what is indented belongs to the one before."""
    yield from re.split(r"\n(?=\S)", block.code)


@pytest.fixture(scope="module")
def day(history: Served) -> Asked:
    """Ask for the whole day."""
    return Asked(history.url, history.plan.begin, history.plan.end, STEP)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_queries_have_an_answer(block: Block, day: Asked, history: Served) -> None:
    """At some time of the day, for one of the tasks to which something happens, each query says something."""
    for query in queries(block):
        filled = [query.replace("TASK", task) for task in (history.roles.blocked, history.roles.bad_list)]
        assert any(day.range(each) for each in filled) != (query in EMPTY), f"{block}: {query}"


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_queries_ask_for_what_there_is(block: Block) -> None:
    """Each metric in a query is the exporter's, a rule's, or Prometheus' own."""
    known = task_families() | library_families() | {rule.name for rule in read_rules()} | {"up", "ALERTS"}
    known |= {name for names in own_families().values() for name in names}
    for query in queries(block):
        assert metrics_of(query) <= known, f"{block}: {query}"


def test_only_known_queries_have_no_answer() -> None:
    """The list has no query that is no longer shown."""
    assert EMPTY.keys() <= {query for block in BLOCKS for query in queries(block)}
