"""The redaction of answers: what is replaced by what, and what stays."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.contact.redaction import Redactor
from exporter.patterns import UUID
from tests.support.lists import USER, entry
from tests.support.tools import documented

SECRET = re.compile(r"pl4nted|138 ?0013|张三|planted\.example")
PLANTED = [
    "pl4ntedT0ken",
    "13800138000",
    "张三",
    "zhang@planted.example",
    "+86 138 0013 8000",
    "https://planted.example/x",
]


def redact(value: object, *, blank_numbers: bool = False) -> Any:
    """Redact one value."""
    return Redactor(blank_numbers=blank_numbers).value(value)


def test_documented_statistics_stay_but_for_the_tags() -> None:
    """Counts, statuses and grades are kept; the names, ids and digests of tags are not."""
    before, after = documented(), redact(documented())
    for block in ("answer_rate", "intention", "number_status", "rounds"):
        assert after[block] == before[block]
    assert after["llm_tags"][0]["count"] == before["llm_tags"][0]["count"]
    assert after["llm_tags"][0]["llm_intention_tag"]["name"] == "name-1"
    assert before["llm_tags"][0]["llm_intention_tag"]["md5"] not in json.dumps(after)


def test_an_entry_keeps_what_is_read_of_it() -> None:
    """State, time and limit stay, ids become other ids, and the structure is the same."""
    before = entry(1, name="老客户回访")
    after = redact(before)
    assert after.keys() == before.keys()
    assert (after["enable"], after["maximumcall"], after["create_datetime"]) == (1, 20, before["create_datetime"])
    assert after["name"] == "name-1"
    assert UUID.fullmatch(after["uuid"])
    assert after["user_id"] != USER


def test_the_same_is_replaced_by_the_same() -> None:
    """A text, a UUID, an id, as a number or as a text, and a key keep who is who."""
    first, second, third = redact(
        [{"name": "张三", "user_id": USER, "id": 4711}, {"name": "张三", "user_id": USER.upper(), "id": "4711"},
         {"name": "李四", "张三": 1}]
    )  # fmt: skip
    assert (first["name"], second["name"], third["name"]) == ("name-1", "name-1", "name-2")
    assert first["user_id"] == second["user_id"]
    assert (first["id"], second["id"]) == (1, "0001")
    assert third["name-1"] == 1


@pytest.mark.parametrize(
    ("name", "redacted"),
    [("A级(有明确意向)", "A级(有明确意向)"), ("A-高意向", "A-name-1"), ("F", "F"), ("B级", "B级"), ("C级（张三）", "C级（name-1"), ("Alice", "name-1")],
)  # fmt: skip
def test_of_an_intention_the_letter_is_kept(name: str, redacted: str) -> None:
    """The letter is what the exporter reads; the rest of a customer's own name is replaced."""
    assert redact({"intention": [{"name": name}]})["intention"][0]["name"] == redacted


def test_only_an_intention_keeps_a_letter() -> None:
    """Elsewhere a name that begins in the same way is replaced whole."""
    assert redact({"data": [{"name": "A-王五"}]})["data"][0]["name"] == "name-1"


@pytest.mark.parametrize(
    ("key", "value", "kept", "blank"),
    [
        ("answered", 61, 61, 0),
        ("answered", "61", "61", "0"),
        ("count", "1,234", "1,234", "0"),
        ("callCompletetRate", 91.03999999999999, 91.03999999999999, 0),
        ("percent", "91.04%", "91.04%", "0%"),
        ("count", 9_999_999, 9_999_999, 0),
        ("count", 66_778_899, 1, 1),
        ("balance", 9_999_999, 1, 1),
        ("count", 13_800_138_000, 1, 1),
        ("answered", "13800138000", "00000000001", "00000000001"),
        ("balance", "1820.50", "1820.50", "0"),
        ("balance", 1820.505, 1820.51, 0),
        ("position", 31.230416123, 31.23, 0),
        ("position", "121.473701", "121.47", "0"),
        ("account_id", 12, 1, 1),
        ("phone", "110", "001", "001"),
        ("extension", 101, 1, 1),
        ("text", "1234", "0001", "0001"),
        ("status", 3, 3, 3),
        ("code", 6007, 6007, 6007),
        ("enable", "1", "1", "1"),
        ("status", 13_800_138_000, 1, 1),
        ("per_page", "100", "100", "100"),
        ("code", "8812", "8812", "0"),
        ("code", 88_120, 1, 1),
        ("code", "0000000200", "0000000001", "0000000001"),
        ("code", "500", "500", "500"),
        ("status", 801_234, 1, 1),
        ("status", "801234", "000001", "000001"),
        ("status", 13, 13, 0),
        ("percent", "138.12345678", "000000000001", "000000000001"),
        ("percent", 138.12345678, 1, 1),
        ("percent", "13.812345678%", "13.81%", "0%"),
        ("percent", 13.812345678, 13.81, 0),
        ("percent", "91.04 ％", "91.04 ％", "0%"),
        ("count", "1，234", "1，234", "0"),
        ("count", "138，001，380，001", "000000000000001", "000000000000001"),
        ("valid", True, True, True),
        ("remark", None, None, None),
        ("remark", "", "", ""),
        ("rate", float("inf"), None, None),
        ("created_at", "2024-08-01 20:46:22", "2024-08-01 20:46:22", "2024-08-01 20:46:22"),
        ("created_at", "1990-05-12", "2000-01-01", "2000-01-01"),
        ("created_at", "1990-05-12 08:30:00", "2000-01-01 00:00:00", "2000-01-01 00:00:00"),
        ("updated_at", "2015-05-12 00:00:00", "2000-01-01 00:00:00", "2000-01-01 00:00:00"),
        ("expire_time", "2024-08-01 20:46:22", "2000-01-01 00:00:00", "2000-01-01 00:00:00"),
        ("birthday", "1987-06-05", "2000-01-01", "2000-01-01"),
        ("message", "系统繁忙", "系统繁忙", "系统繁忙"),
        ("message", "用户13800138000不存在", "text-1", "text-1"),
    ],
)  # fmt: skip
def test_each_kind_of_value(key: str, value: object, kept: object, blank: object) -> None:
    """Numbers are kept unless they are ids, as long as a phone number, or to be blanked; times only where documented."""
    assert list(redact({key: value}).values()) == [kept]
    assert list(redact({key: value}, blank_numbers=True).values()) == [blank]


@pytest.mark.parametrize("planted", PLANTED)
def test_a_key_that_is_data_is_replaced(planted: str) -> None:
    """A map with people's data for keys keeps its structure alone, and says what stands for which key."""
    redactor = Redactor(blank_numbers=False)
    redacted: Any = redactor.value({planted: {"count": 1}})
    (made,) = redacted
    assert not SECRET.search(made)
    assert redactor.replaced_keys == {planted: made}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(PLANTED),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from([*PLANTED, "name", "data", "count"]), inner)
    ),
)


@given(JSON)
def test_nothing_that_was_planted_is_left(value: object) -> None:
    """Whatever the JSON, nobody's data survives, and what is left is JSON."""
    text = json.dumps(redact(value), ensure_ascii=False, allow_nan=False)
    assert not SECRET.search(text)


def test_a_value_nested_too_deep_is_cut() -> None:
    """A document made to exhaust the stack ends."""
    value: Any = "x"
    for _ in range(500):
        value = [value]
    assert json.dumps(redact(value)).count("[") < 60
