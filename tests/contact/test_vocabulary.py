"""The vocabulary of a capture: which keys are names of fields."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.contact.vocabulary import TEXTS, is_field_name
from exporter.demo.simulator.documents import GRADES, STATUS_TEXTS
from tests.support.contact import entry2
from tests.support.tools import documented


def keys(value: object) -> Iterator[str]:
    """Yield the keys of all objects in a JSON value."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from keys(part)
    elif isinstance(value, list):
        for part in value:
            yield from keys(part)


def test_all_documented_names_are_known() -> None:
    """Statistics, list entries and the platform's own frame around them keep their keys."""
    known = {*keys(documented()), *keys(entry2(1)), *("code", "status", "message", "data", "meta", "last_page")}
    assert {key for key in known if not is_field_name(key)} == set()


@pytest.mark.parametrize(
    "key",
    ["balance", "limit_money", "accountBalance", "credit_limit", "yue", "2", "6~10", ">20", "hourly", "phone",
     "answerRate", "callCompleteRate", "numberStatus", "call_statistics", "max_concurrency"],
)  # fmt: skip
def test_a_field_nobody_documented_is_seen_by_its_name(key: str) -> None:
    """Names that such platforms use are kept: they are what a report is for."""
    assert is_field_name(key)


@pytest.mark.parametrize(
    "key",
    ["13800138000", "zhangsan", "张三", "Alice", "a@b.example", "host.example.com", "eyJhbGciOiJ", "balance of Alice", "1234",
     "61551b2c-e3f3-4707-b4ed-f362f0925e03", "call zhangsan", "", "_", "call-line", "long_yue", "Bill", "max_bill", "Max", "yue2", "CallRate", "wangWei"],
)  # fmt: skip
def test_a_key_that_is_data_is_none(key: str) -> None:
    """Names, numbers, addresses and tokens as keys are not taken for names of fields, nor are those put together with words that are people's names too."""
    assert not is_field_name(key)


def test_the_documented_values_are_kept() -> None:
    """The words of the statuses and of the documented grades are not anybody's data."""
    assert {*STATUS_TEXTS, *GRADES, "success"} <= TEXTS
