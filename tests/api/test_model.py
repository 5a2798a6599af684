import json
from dataclasses import replace
from typing import Any

import pytest

from exporter.api.model import MAX_ENTRIES, STATUSES, TaskStats, parse_stats
from exporter.api.scalars import MAX_LABEL_LENGTH
from tests.support.tools import documented


def test_the_documented_response_is_read_to_the_last_value() -> None:
    """The vendor's example gives exactly its figures, and nothing in it is unread."""
    assert parse_stats(documented()) == TaskStats(
        answered=61,
        unanswered=6,
        answer_ratio=0.9104,
        progress_ratio=0.45,
        numbers={
            "waiting": 12,
            "connected": 4,
            "carrier_blocked": 6,
            "rejected": 0,
            "no_answer": 0,
            "invalid_number": 0,
            "powered_off": 0,
            "suspended": 0,
            "busy": 0,
            "incoming_barred": 0,
            "arrears": 0,
            "blacklisted": 0,
            "user_blocked": 0,
        },
        intention_calls={"A": 50, "B": 1, "C": 7, "D": 2, "E": 0},
        intention_ratios={"A": 0.8333, "B": 0.0167, "C": 0.1167, "D": 0.0333, "E": 0.0},
        round_calls={"1": 24, "2-5": 2, "6-10": 0, "11-20": 0, "21+": 0},
        tag_calls={},
        llm_tag_calls={
            "代理商大会": 1,
            "感兴趣": 1,
            "无意向": 1,
            "礼貌": 1,
            "敷衍": 2,
            "有时间": 1,
            "拒加微": 1,
        },
        unread={},
    )


def test_each_status_code_has_its_own_label() -> None:
    """The 13 documented codes give 13 labels in the order of the codes."""
    rows = [{"status": code, "count": code + 1} for code in range(13)]
    assert parse_stats({"number_status": rows}).numbers == {label: i + 1 for i, label in enumerate(STATUSES)}
    assert len(set(STATUSES)) == 13


def _rate(**answer_rate: object) -> dict[str, object]:
    return {"answer_rate": answer_rate}


def _statuses(*pairs: tuple[object, object]) -> dict[str, object]:
    return {"number_status": [{"status": code, "count": count} for code, count in pairs]}


def _intentions(*rows: tuple[object, object, object]) -> dict[str, object]:
    return {"intention": [{"name": name, "total": total, "percent": percent} for name, total, percent in rows]}


BLOCKS = ("answer_rate", "intention", "number_status", "rounds", "tags", "llm_tags")
LONG = "长" * (MAX_LABEL_LENGTH + 1)
CUT = "长" * (MAX_LABEL_LENGTH - 1) + "…"
MANY = MAX_ENTRIES + 2
LETTERED = ("A级(有明确意向)", "B-高意向", "C—一般", "D（忙）", "E", "F级", "G(回访)", "H - 其他", "Z【无效】")
UNLETTERED = ("AB级", "A高意向", "A.高意向", "Ａ级", "A 高意向", "1级")

READINGS: dict[str, tuple[object, dict[str, Any], dict[str, int]]] = {
    # the whole
    "null": (None, {}, {}),
    "an empty object": ({}, {}, {}),
    "PHP's empty object": ([], {}, {}),
    "a text": ("<html>", {}, {"data": 1}),
    "a list": ([1], {}, {"data": 1}),
    "a number": (0, {}, {"data": 1}),
    "false": (False, {}, {"data": 1}),
    "unknown fields": ({"new": 1, "other": {}}, {}, {"unknown": 2}),
    "an unknown field that is null": ({"new": None}, {}, {}),
    "null blocks": (dict.fromkeys(BLOCKS), {}, {}),
    "empty lists for all blocks": ({name: [] for name in BLOCKS}, {}, {}),
    "empty objects for all blocks": ({name: {} for name in BLOCKS}, {}, {}),
    "texts for all blocks": (dict.fromkeys(BLOCKS, ""), {}, dict.fromkeys(BLOCKS, 1)),
    # numbers
    "zero": (_rate(answered=0, noAnswer=0), {"answered": 0, "unanswered": 0}, {}),
    "numbers as texts": (
        _rate(answered="61", noAnswer=" 6 ", callCompletetRate="91.04", taskProgress="4.5e1"),
        {"answered": 61, "unanswered": 6, "answer_ratio": 0.9104, "progress_ratio": 0.45},
        {},
    ),
    "a whole number with a point": (
        _rate(answered=61.0, noAnswer="6.0"),
        {"answered": 61, "unanswered": 6},
        {},
    ),
    "a null number": (_rate(answered=None, noAnswer=6), {"unanswered": 6}, {}),
    "an empty text": (_rate(answered="", noAnswer=6), {"unanswered": 6}, {"answer_rate.answered": 1}),
    "a fraction of a call": (_rate(answered=1.5), {}, {"answer_rate.answered": 1}),
    "a negative count": (
        _rate(answered=-1, noAnswer="-1"),
        {},
        {"answer_rate.answered": 1, "answer_rate.noAnswer": 1},
    ),
    "true is no count": (_rate(answered=True), {}, {"answer_rate.answered": 1}),
    "an object is no count": (_rate(answered={"n": 1}), {}, {"answer_rate.answered": 1}),
    "the largest exact count": (_rate(answered=2**53), {"answered": 2**53}, {}),
    "a count past the exact ones": (_rate(answered=2**53 + 1), {}, {"answer_rate.answered": 1}),
    "a count past every float": (_rate(answered=10**400), {}, {"answer_rate.answered": 1}),
    "a text past every float": (_rate(answered="1e400"), {}, {"answer_rate.answered": 1}),
    "NaN and infinity": (
        _rate(
            answered=float("nan"),
            noAnswer=float("inf"),
            taskProgress=float("nan"),
            callCompletetRate=float("-inf"),
        ),
        {},
        {
            "answer_rate.answered": 1,
            "answer_rate.noAnswer": 1,
            "answer_rate.taskProgress": 1,
            "answer_rate.callCompletetRate": 1,
        },
    ),
    "NaN and infinity as texts": (
        _rate(answered="nan", noAnswer="Infinity"),
        {},
        {"answer_rate.answered": 1, "answer_rate.noAnswer": 1},
    ),
    "Python's own spellings": (
        _rate(answered="1_000", noAnswer="٣"),
        {},
        {"answer_rate.answered": 1, "answer_rate.noAnswer": 1},
    ),
    # ratios
    "the noise of a sum": (_rate(taskProgress=100.00000000000001), {"progress_ratio": 1.0}, {}),
    "noise below zero": (_rate(taskProgress=-1e-12), {"progress_ratio": 0.0}, {}),
    "more than everything": (_rate(taskProgress=101), {}, {"answer_rate.taskProgress": 1}),
    "less than nothing": (_rate(taskProgress=-1), {}, {"answer_rate.taskProgress": 1}),
    "a percent sign": (
        _rate(callCompletetRate="91.04%", taskProgress=" 45 ％ "),
        {"answer_ratio": 0.9104, "progress_ratio": 0.45},
        {},
    ),
    "a percent sign of a count": (_rate(answered="12%"), {}, {"answer_rate.answered": 1}),
    "commas between thousands": (
        {**_rate(answered="1,234", noAnswer="1，234，567"), **_statuses((1, "12,345")), "rounds": {"1": "1,000"}},
        {"answered": 1234, "unanswered": 1_234_567, "numbers": {"connected": 12_345}, "round_calls": {"1": 1000}},
        {},
    ),
    "commas elsewhere": (
        _rate(answered="1,2,3", noAnswer="0,5", callCompletetRate="91,04%"),
        {},
        {"answer_rate.answered": 1, "answer_rate.noAnswer": 1, "answer_rate.callCompletetRate": 1},
    ),
    "true is no ratio": (_rate(callCompletetRate=True), {}, {"answer_rate.callCompletetRate": 1}),
    "a null ratio": (_rate(callCompletetRate=None, taskProgress=0), {"progress_ratio": 0.0}, {}),
    # statuses
    "codes that are not documented": (
        _statuses((13, 1), ("99", 2), (255.0, 3)),
        {"numbers": {"code_13": 1, "code_99": 2, "code_255": 3}},
        {},
    ),
    "a code as text": (_statuses(("0", "12")), {"numbers": {"waiting": 12}}, {}),
    "a status given twice": (_statuses((1, 2), ("1", 3)), {"numbers": {"connected": 5}}, {}),
    "codes that are none": (
        _statuses((-1, 1), ("x", 1), (None, 1), (True, 1), (1, 4)),
        {"numbers": {"connected": 4}},
        {"number_status.status": 4},
    ),
    "a status without its count": (
        {"number_status": [{"status": 0}, {"status": 1, "count": None}, {"status": 2, "count": "many"}]},
        {},
        {"number_status.count": 1},
    ),
    "a list with a gap": (
        {"number_status": {"0": {"status": 0, "count": 1}, "2": {"status": 2, "count": 3}}},
        {"numbers": {"waiting": 1, "carrier_blocked": 3}},
        {},
    ),
    "entries that are none": (
        {"number_status": [None, 7, "x", [], {"status": 0, "count": 1}]},
        {"numbers": {"waiting": 1}},
        {"number_status": 3},
    ),
    "more statuses than are kept": (
        _statuses(*((1000 + code, 1) for code in range(MANY))),
        {"numbers": {f"code_{1000 + code}": 1 for code in range(MAX_ENTRIES)}},
        {"number_status.count": 2},
    ),
    # intentions
    "the grade is the label": (
        _intentions(("A级(有明确意向)", 1, 50), ("E级", 1, 50)),
        {"intention_calls": {"A": 1, "E": 1}, "intention_ratios": {"A": 0.5, "E": 0.5}},
        {},
    ),
    "a customer's own level": (
        _intentions(("VIP", 1, 10), ("有意向", 2, 20), ("a级", 3, 30), ("超A级", 4, 40)),
        {
            "intention_calls": {"VIP": 1, "有意向": 2, "a级": 3, "超A级": 4},
            "intention_ratios": {"VIP": 0.1, "有意向": 0.2, "a级": 0.3, "超A级": 0.4},
        },
        {},
    ),
    "ways to write a letter": (
        _intentions(*((name, 1, 1) for name in LETTERED)),
        {
            "intention_calls": dict.fromkeys("ABCDEFGHZ", 1),
            "intention_ratios": dict.fromkeys("ABCDEFGHZ", 0.01),
        },
        {},
    ),
    "words that begin with a capital": (
        _intentions(*((name, 1, 0) for name in UNLETTERED)),
        {"intention_calls": dict.fromkeys(UNLETTERED, 1), "intention_ratios": dict.fromkeys(UNLETTERED, 0.0)},
        {},
    ),
    "levels without a name": (
        {"intention": [{"intention_results": number, "name": None, "total": 1} for number in (1, "5", 6, 26)]},
        {"intention_calls": {"A": 1, "E": 1, "F": 1, "Z": 1}},
        {},
    ),
    "a level whose name is missing": (
        {"intention": [{"intention_results": 2, "total": 1}, {"intention_results": 2, "name": "有意向", "total": 4}]},
        {"intention_calls": {"B": 1, "有意向": 4}},
        {},
    ),
    "levels with neither a name nor a number": (
        {"intention": [{"intention_results": number, "name": "", "total": 1} for number in (0, 27, None, "x")]},
        {},
        {"intention.name": 4},
    ),
    "two names of one grade": (
        _intentions(("A级(甲)", 1, 10), ("A级(乙)", 2, 20), ("A", 3, 0)),
        {"intention_calls": {"A": 6}, "intention_ratios": {"A": 0.3}},
        {},
    ),
    "shares that add up to too much": (
        _intentions(("A级", 1, 60), ("A级", 2, 50)),
        {"intention_calls": {"A": 3}, "intention_ratios": {"A": 0.6}},
        {"intention.percent": 1},
    ),
    "an intention without a name": (
        _intentions((None, 1, 1), ("", 1, 1), (" \t", 1, 1), (5, 1, 1), ("B级", 1, 1)),
        {"intention_calls": {"B": 1}, "intention_ratios": {"B": 0.01}},
        {"intention.name": 4},
    ),
    "only one half of an intention": (
        _intentions(("A级", 1, None), ("B级", None, 1), ("C级", "x", "y")),
        {"intention_calls": {"A": 1}, "intention_ratios": {"B": 0.01}},
        {"intention.total": 1, "intention.percent": 1},
    ),
    "one intention where a list is documented": (
        {"intention": {"name": "A级", "total": 1, "percent": 1}},
        {},
        {"intention": 3},
    ),
    "more intentions than are kept": (
        _intentions(*((f"第{i}类", 1, 0) for i in range(MANY))),
        {
            "intention_calls": {f"第{i}类": 1 for i in range(MAX_ENTRIES)},
            "intention_ratios": {f"第{i}类": 0.0 for i in range(MAX_ENTRIES)},
        },
        {"intention.total": 2, "intention.percent": 2},
    ),
    "an intention that is full but known": (
        _intentions(*((f"第{i}类", 1, 0) for i in (*range(MAX_ENTRIES), 0))),
        {
            "intention_calls": {f"第{i}类": 1 + (i == 0) for i in range(MAX_ENTRIES)},
            "intention_ratios": {f"第{i}类": 0.0 for i in range(MAX_ENTRIES)},
        },
        {},
    ),
    # rounds
    "rounds of other bounds": (
        {"rounds": {"0": 1, "2~3": 2, ">3": 3, "超过20": 4}},
        {"round_calls": {"0": 1, "2-3": 2, "4+": 3, "超过20": 4}},
        {},
    ),
    "a span spelt twice": ({"rounds": {"2~5": 1, "2-5": "2", " 2~5 ": 3}}, {"round_calls": {"2-5": 6}}, {}),
    "rounds that cannot be read": (
        {"rounds": {"1": None, "2~5": "x", "": 1, "6~10": 0}},
        {"round_calls": {"6-10": 0}},
        {"rounds": 2},
    ),
    "rounds as a list": ({"rounds": [1, 2]}, {}, {"rounds": 1}),
    "rounds with numbers past bounds": (
        {"rounds": {">9999999999": 1, "1~9999999999": 2}},
        {"round_calls": {">9999999999": 1, "1~9999999999": 2}},
        {},
    ),
    # tags
    "the three shapes of a tag": (
        {
            "tags": [
                {"count": 1, "name": "甲"},
                {"count": 2, "tag": {"name": "乙"}},
                {"count": 3, "llm_intention_tag_id": 1, "llm_intention_tag": {"id": 1, "name": "丙"}},
            ]
        },
        {"tag_calls": {"甲": 1, "乙": 2, "丙": 3}},
        {},
    ),
    "tags of one name": (
        {"llm_tags": [{"count": 1, "name": "甲"}, {"count": "2", "name": " 甲 "}]},
        {"llm_tag_calls": {"甲": 3}},
        {},
    ),
    "a tag that was deleted": (
        {"llm_tags": [{"count": 1, "llm_intention_tag_id": 1, "llm_intention_tag": None}]},
        {},
        {"llm_tags.name": 1},
    ),
    "tags of other shapes": (
        {"tags": [{"count": 1, "tag": "甲"}, {"name": "乙"}, {"count": [], "name": "丙"}, "丁"]},
        {},
        {"tags.name": 1, "tags.count": 1, "tags": 1},
    ),
    "tags by name": ({"tags": {"甲": 1, "乙": 2}}, {}, {"tags": 2}),
    "as many tags as there are": (
        {"tags": [{"count": 1, "name": f"标签{i}"} for i in range(MANY)]},
        {"tag_calls": {f"标签{i}": 1 for i in range(MANY)}},
        {},
    ),
    # names
    "names that need escaping stay whole": (
        {"tags": [{"count": 1, "name": 'a"b\\c\nd'}]},
        {"tag_calls": {'a"b\\c\nd': 1}},
        {},
    ),
    "a lone surrogate": (
        {"tags": [{"count": 1, "name": "a\ud800b\udfff"}]},
        {"tag_calls": {"a\ufffdb\ufffd": 1}},
        {},
    ),
    "long names that begin alike": (
        {"tags": [{"count": 1, "name": LONG}, {"count": 2, "name": LONG + "x"}]},
        {"tag_calls": {CUT: 3}},
        {},
    ),
    "a name just short enough": (
        {"tags": [{"count": 1, "name": LONG[1:]}]},
        {"tag_calls": {LONG[1:]: 1}},
        {},
    ),
    "a surrogate in a round": ({"rounds": {"\udc00": 1}}, {"round_calls": {"\ufffd": 1}}, {}),
}


@pytest.mark.parametrize(("data", "values", "unread"), READINGS.values(), ids=READINGS)
def test_what_cannot_be_read_gives_no_value_and_is_counted(
    data: object, values: dict[str, Any], unread: dict[str, int]
) -> None:
    """Absent and null give nothing; what is there but cannot be read gives no value and counts under its field."""
    stats = replace(parse_stats(data), missing=(), unknown=())
    assert stats == TaskStats(**values, unread=unread)


def test_a_field_that_is_not_there_is_missing_and_not_unread() -> None:
    """An entry without its status or its name is left out and counts as missing only; unknown parts have their names."""
    stats = parse_stats({**_rate(answered=1), "number_status": [{"count": 1}], "intention": [{"total": 2}], "新": {}})
    assert (stats.numbers, stats.intention_calls, stats.unread) == ({}, {}, {"unknown": 1})
    assert {"answer_rate.noAnswer", "number_status.status", "intention.name", "rounds"} <= {*stats.missing}
    assert stats.unknown == ("新",)


def test_counts_are_whole_numbers_and_ratios_are_never_minus_zero() -> None:
    """However a number was spelt, a count is an int; a zero has no sign."""
    stats = parse_stats({**_rate(answered="61.0", noAnswer=6.0, taskProgress=-0.0), **_statuses((0, 1e3))})
    assert [type(count) for count in (stats.answered, stats.unanswered, stats.numbers["waiting"])] == [int] * 3
    assert str(stats.progress_ratio) == "0.0"


def test_a_response_whose_json_has_the_extensions_of_python_is_read() -> None:
    """NaN and Infinity, which Python's JSON reader lets through, are no numbers here."""
    data = json.loads('{"answer_rate": {"answered": NaN, "noAnswer": -Infinity, "taskProgress": 1e999}}')
    assert sum(parse_stats(data).unread.values()) == 3
