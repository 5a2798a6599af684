"""The numbers of the alerts: the rules have them, and the runbook and docs/alerts name them as they are, in both languages."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest
import yaml

from exporter.metrics import trouble
from grafana import queries
from tests.support.tools import ROOT

NUMBER: Final = re.compile(r"(?<![\w.:])\d+(?:\.\d+)?[smhd]?(?![\w.])|(?<=:)\d+[smhd](?=\])")
"""A number, a duration, and the step of a subquery; the digits of names are none."""

NUMBERS: Final = {
    "YunfuTaskLowAnswerRate": "2m",
    "YunfuTaskAnswerRateDropped": "30m 0.001 30m 0.6 30m 6h 30m 30m 30m 6h 30m 30m 200 30m 5m",
    "YunfuTaskCarrierBlocked": "0.001 10m 0.3 10m 0.1 3 2m",
    "YunfuTaskPoorList": "6h 30m 6h 30m 100 0.001 0.3 0 15m",
    "YunfuTaskStalled": "0 30m 1 2 6h 0 1d 0 10m",
    "YunfuTaskNearlyOutOfNumbers": "0 1h 5m",
    "YunfuAccountStale": "0.5 5m 0 5m 5 0.5 5m",
    "YunfuTaskStale": "5 0.5 5m",
    "YunfuApiFailing": "0.2 4.5 5m",
    "YunfuTokenExpiring": "6 3600 5m 3 86400 5m",
    "YunfuTokenUnreadable": "1 5m",
    "YunfuQuotaExceeded": "15m 0.25 0.2 900 1h 0.02 1h 0.2 20m",
    "YunfuQuotaContended": "15m 0.5 5m",
    "YunfuDiscoveryFailing": "3 300 10m",
    "YunfuTasksLeftOut": "0 15m",
    "YunfuListLacking": "0 30m",
    "YunfuFieldUnreadable": "1h 0.5 1h 15m",
    "YunfuFormatUnknown": "15m",
    "YunfuExporterDown": "10m 0.5 7d 2m",
    "YunfuExporterGone": "12h 12h 10m",
    "YunfuReloadFailed": "0 5m",
    "YunfuShardMissing": "0 10m",
    "YunfuShardsDisagree": "15m",
    "yunfu:task_calls:increase": "10m 10m 30m 30m 90m 90m 6h 6h",
    "yunfu:task_answered_calls:increase": "10m 10m 30m 30m 90m 90m 6h 6h",
    "yunfu:task_answer_ratio": "0 1",
    "yunfu:task_answer_ratio:upper": "3.645 2.7 1 1.8225 2 1 7.29",
    "yunfu:task_answer_ratio:current": "10m 50 30m 50 90m 50 6h",
    "yunfu:task_answer_ratio:limit": "10m 0.6 30m 0.6 90m 0.75 6h",
    "yunfu:task_answer_ratio:below": "90m 0",
    "yunfu:task_answer_ratio:low": "10m 30m 90m 6h 30m 0",
    "yunfu:task_cause:count": "30m 30m 30m 30m 1 30m 0",
    "yunfu:task_cause:base": "0 30m 0",
    "yunfu:task_cause:share": "0",
    "yunfu:task_cause:past_base": "2d 1h 30m",
    "yunfu:task_cause:past_count": "2d 1h 30m",
    "yunfu:task_cause:share_before": "50",
    "yunfu:account_cause:share_before": "50",
    "yunfu:task_cause:usual": "0 0",
    "yunfu:cause:limit": "0.1 0.3 0.25 0.7 0.8",
    "yunfu:task_cause:base90m": "30m 0 1h 0",
    "yunfu:task_cause:share90m": "30m 0 1h 0 0",
    "yunfu:task_cause:excess": "30m 1 90m 1",
    "yunfu:task_cause:share:lower": "3.645 2.7 1 1.8225 2 1 7.29",
    "yunfu:task_cause:stands_out": "2 30m 90m 0.5",
    "yunfu:task_results:increase30m": "30m",
    "yunfu:task_results:increase1h": "1h",
    "yunfu:task:info": "1",
    "yunfu:team_calls:increase10m": "10m",
    "yunfu:team_results:increase10m": "10m",
    "yunfu:task:dialling": "1",
    "yunfu:task:silent": "30m 30m 0 30m 30m 900 90m 90m 0 90m 90m 900 2700 6h 6h 0 6h 6h 2700 10800",
    "yunfu:task:stale": "2.5 300",
    "yunfu:account_api_calls:increase15m": "15m",
    "yunfu:account_api_failures:increase15m": "15m",
    "yunfu:account_poll_lag:mean15m": "15m 15m",
    "yunfu:account_poll_interval:mean_poll": "1",
    "yunfu:account_tasks:empty": "1 1 60",
    "yunfu:account_unknown_answers:increase30m": "30m 0",
    "yunfu:account_missing_fields:increase1h": "1h 0.1 1h",
}
"""The numbers of each rule as they stand in it, its window and then its ``for`` among them.

Whoever changes one in the rules changes it here, and then the sentences of SENTENCES that name it fail until they say so.
"""


class Sentence(NamedTuple):
    """A part of a text that names a number of a rule where ``{}`` stands; ``section`` is an entry of the runbook, if it is there."""

    rule: str
    number: str
    text: str
    part: str
    section: str = ""


RUNBOOK, RUNBOOK_ZH = "prometheus/runbook.md", "prometheus/runbook.zh-CN.md"
ALERTS, ALERTS_ZH = "docs/alerts.md", "docs/alerts.zh-CN.md"


_SECTIONS: Final = {
    "yunfu:task_results:increase1h": "YunfuTaskNearlyOutOfNumbers",
    "yunfu:task:silent": "YunfuTaskStalled",
    "yunfu:task_cause:past_base": "YunfuTaskLowAnswerRate",
    "yunfu:account_missing_fields:increase1h": "YunfuFormatUnknown",
}
"""The entries of the runbook that name the numbers of recording rules."""


def _sentences() -> Iterator[Sentence]:
    for rule, number, english, chinese in _RUNBOOK:
        section = rule if rule.startswith("Yunfu") else "YunfuApiFailing" if "api" in rule else "YunfuTaskStale"
        section = _SECTIONS.get(rule, section)
        yield Sentence(rule, number, RUNBOOK, english, section)
        yield Sentence(rule, number, RUNBOOK_ZH, chinese, section)
    for rule, number, english, chinese in _ALERTS:
        yield Sentence(rule, number, ALERTS, english)
        yield Sentence(rule, number, ALERTS_ZH, chinese)


_RUNBOOK: Final = (
    ("YunfuTaskCarrierBlocked", "0.3", "or more than {} of them", "或者超过 {}。"),
    ("yunfu:task_cause:past_base", "2d", "the task's past {},", "该任务过去{}相比"),
    ("yunfu:account_missing_fields:increase1h", "0.1", "or more than {} of them lack", "或者{}以上的应答"),
    ("YunfuTaskCarrierBlocked", "0.1", 'cause="carrier_blocks"}} > {}\n', 'cause="carrier_blocks"}} > {}\n'),
    ("YunfuTaskAnswerRateDropped", "6h", "in the {} before", "此前{}的"),
    ("YunfuTaskAnswerRateDropped", "0.6", "is about half of what", "的一半左右甚至更低"),
    ("YunfuTaskAnswerRateDropped", "30m", 'window="{}"', 'window="{}"'),
    ("YunfuTaskPoorList", "6h", "in the last {}, more than", "最近{}外呼"),
    ("YunfuTaskPoorList", "6h", "[{}]", "[{}]"),
    ("YunfuTaskPoorList", "0.3", "more than {} are invalid", "超过 {}。"),
    ("yunfu:task:silent", "30m", "no call for at least {};", "至少{}没有任何呼叫"),
    ("yunfu:task:silent", "900", "less often than every {},", "采集间隔超过 {}的任务"),
    ("yunfu:task_results:increase1h", "1h", "in the last {}. The", "最近{}的外呼量"),
    ("YunfuExporterDown", "10m", "for most of {}.", "最近{}里"),
    ("YunfuExporterDown", "0.5", "for {} of", "{}时间"),
    ("YunfuExporterDown", "7d", "in the last {}.", "最近 {}内"),
    ("YunfuExporterGone", "12h", "in the last {} and", "最近 {}内有过"),
    ("YunfuExporterGone", "12h", "[{}]", "[{}]"),
    ("YunfuExporterGone", "12h", "resolves after {}.", "{}后自动恢复"),
    ("YunfuAccountStale", "0.5", "more than {} of the account", "超过{}的任务"),
    ("YunfuAccountStale", "5", "more than {},", "超过{}个任务"),
    ("yunfu:task:stale", "2.5", "older than {} poll", "超过 {} 个采集间隔"),
    ("yunfu:task:stale", "300", "plus {})", "再加{}）"),
    ("yunfu:account_api_calls:increase15m", "15m", "For {}, more", "最近{}，"),
    ("YunfuApiFailing", "0.2", "more than {} of the account", "超过{}的调用"),
    ("YunfuApiFailing", "4.5", "at least {}, have", "至少{}次"),
    ("YunfuTokenExpiring", "3", "within {} days (warning)", "将在 {} 天内（warning）"),
    ("YunfuTokenExpiring", "3", "than {} days before expiry", "晚于过期前 {} 天"),
    ("YunfuTokenExpiring", "3", "`{} * 86400`", "`{} * 86400`"),
    ("YunfuTokenExpiring", "6", "or {} hours (critical)", "或 {} 小时内（critical）"),
    ("YunfuQuotaExceeded", "15m", "For half an hour, API calls", "近半小时有"),  # 15 minutes, and 20 more of ``for``
    ("YunfuQuotaExceeded", "0.25", "waited {} or more", "有{}以上的时间"),
    ("YunfuQuotaExceeded", "0.2", "late by {} of their interval", "采集间隔的{}以上"),
    ("YunfuQuotaExceeded", "900", "less often than every {} on average", "平均 {}以上才采集一次"),
    ("YunfuQuotaExceeded", "0.02", "more than {} of the calls", "超过 {} 的调用"),
    ("YunfuQuotaContended", "0.5", "For more than {} of", "{}以上的时间"),
    ("YunfuQuotaContended", "15m", "of the last {}, less", "最近 {}里有"),
    ("YunfuDiscoveryFailing", "3", "for {} intervals", "超过{}个发现周期"),
    ("YunfuDiscoveryFailing", "300", "plus {}, or", "再加{}没能"),
    ("YunfuFieldUnreadable", "1h", "of the last {}, a", "最近{}的"),
    ("YunfuFieldUnreadable", "0.5", "In {} answers", "的{}响应"),
)
"""Sentences of the runbook: the rule, its number, and how both languages name it."""

_ALERTS: Final = (
    ("YunfuTaskLowAnswerRate", "2m", "holds for {}:", "同时成立{}后"),
    ("yunfu:task_answer_ratio:upper", "2.7", "(z = {}, by chance", "（z = {}，"),
    ("yunfu:task_answer_ratio:low", "10m", "four windows: {},", "在 {}、"),
    ("yunfu:task_answer_ratio:low", "30m", "10 m, {}, 90 m", "10 分钟、{}、90"),
    ("yunfu:task_answer_ratio:low", "90m", "30 m, {}, 6 h", "30 分钟、{}、6"),
    ("yunfu:task_answer_ratio:low", "6h", "90 m, {}. A busy", "90 分钟、{}四个窗口"),
    ("yunfu:task_answer_ratio:limit", "0.6", "30 minutes the ratio must be under {} of", "阈值的 {} 倍，90"),
    ("yunfu:task_answer_ratio:limit", "0.75", "over 90 minutes under {}, over", "{} 倍，6 小时"),
    ("yunfu:task_answer_ratio:limit", "6h", "over {} under\n", "，{}要求低于阈值本身"),
    ("yunfu:task_answer_ratio:current", "50", "shortest window with {} calls", "至少有 {} 通呼叫"),
    ("yunfu:task_answer_ratio:current", "50", "the {} calls are a compromise", "{} 通呼叫，是"),
    ("yunfu:task_answer_ratio:current", "6h", "(else over {})", "（否则取 {}）"),
    ("yunfu:task_answer_ratio:low", "30m", "without a call\n   for {} do", "以及{}没有呼叫的任务"),
    ("yunfu:task_answer_ratio:below", "90m", "no call for {}.", "连续{}没有呼叫"),
    ("yunfu:task_cause:count", "30m", "each task over {}, and", "统计{}内五类"),
    ("yunfu:task_cause:excess", "90m", "shows nothing, {} are compared", "改为比较 {}"),
    ("yunfu:task_cause:stands_out", "0.5", "grown at least {} as much", "不少于它的{}"),
    ("yunfu:task_cause:past_base", "2d", "past: the {} before", "此前{}，"),
    ("yunfu:task_cause:past_base", "1h", "of each {},", "每{}取半小时"),
    ("yunfu:task_cause:share_before", "50", "at least\n{} results", "至少 {} 个结果"),
    ("yunfu:cause:limit", "0.1", "| the line | {} |", "| 线路 | {} |"),
    ("yunfu:cause:limit", "0.3", "| the list | {} |", "| 名单 | {} |"),
    ("yunfu:cause:limit", "0.25", "people called | {} |", "人群不对 | {} |"),
    ("yunfu:cause:limit", "0.8", "people called | {} |", "人群不对 | {} |"),
    ("yunfu:cause:limit", "0.7", "or the list | {} |", "或名单 | {} |"),
    ("YunfuTaskCarrierBlocked", "0.3", "is over {}; or", "下界超过 {}；"),
    ("YunfuTaskCarrierBlocked", "0.1", "it is over {}, and", "或者下界超过 {}，"),
    ("YunfuTaskCarrierBlocked", "3", "more than {} times that", "的{}倍 |"),
    ("YunfuTaskAnswerRateDropped", "30m", "upper bound over {} is", "| {}接通率的上界"),
    ("YunfuTaskAnswerRateDropped", "0.6", "is under {} of the", "的 {} 倍，但"),
    ("YunfuTaskAnswerRateDropped", "6h", "of the {} before", "低于此前 {}的"),
    ("YunfuTaskAnswerRateDropped", "30m", "at any time in that {} |", "这{}内也没有"),
    ("yunfu:task:silent", "30m", "has been no call for {};", "但{}没有呼叫"),
    ("yunfu:task:silent", "90m", "for {} if it is polled", "的任务为 {}"),
    ("yunfu:task:silent", "900", "less often than every {}, for", "采集间隔超过 {}的"),
    ("yunfu:task:silent", "6h", "for {} if less often than", "的为 {} |"),
    ("yunfu:task:silent", "2700", "less often than every {} |", "超过 {}的为"),
    ("YunfuTaskStalled", "1d", "at this time {}. One", "且{}此时"),
    ("YunfuTaskPoorList", "0.3", "more than {} of at least", "超过 {} 是空号"),
    ("YunfuTaskPoorList", "100", "at least {} numbers", "至少 {} 个号码"),
    ("YunfuTaskPoorList", "6h", "dialled in {} are dead", "| {}内外呼的"),
    ("yunfu:task_results:increase1h", "1h", "dialled in the last {} |", "最近{}外呼"),
)
"""Sentences of docs/alerts, likewise."""

SENTENCES: Final = tuple(_sentences())

WORDS: Final = {
    "0.02": "2%|2 %",
    "0.1": "10%|10 %|0.1|a tenth|十分之一",
    "0.2": "20%|20 %|0.2|a fifth|五分之一",
    "0.25": "25%|25 %|a quarter of the time|四分之一",
    "0.3": "30%|30 %|0.3",
    "0.5": "50%|50 %|0.5|half|most|一半|大部分",
    "0.7": "70%|70 %",
    "0.8": "80%|80 %",
    "1d": "1d|1 d|24 h|24 hours|24 小时|yesterday|昨天",
    "1h": "1h|1 h|hour|一小时|小时",
    "10m": "10m|10 m|ten minutes|10 分钟|十分钟",
    "12h": "12h|12 h|12 hours|12 小时",
    "15m": "15m|15 m|15 minutes|fifteen minutes|15 分钟|十五分钟",
    "2d": "2 days|two days|两天",
    "2m": "2m|2 m|two minutes|2 分钟|两分钟",
    "3": "3|three|三",
    "30m": "30m|30 m|half an hour|half hour|30 分钟|半小时",
    "300": "300|five minutes|五分钟",
    "2700": "45|45 minutes|45 分钟",
    "4.5": "five|五",
    "5": "5|five|五",
    "6h": "6h|6 h|6 hours|six hours|6 小时|六小时",
    "7d": "7d|7 d|7 days|7 天",
    "900": "15 minutes|15 分钟",
    "90m": "90m|90 m|90 minutes|an hour and a\nhalf|90 分钟|一个半小时",
}
"""How a number is written in a text; one that is not here is written as it is."""


def _rules() -> dict[str, str]:
    """Return the numbers of each rule, in the order in which they stand, of rules that share a name together."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "prometheus" / "rules").glob("*.yaml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                found[rule.get("record") or rule["alert"]] += _numbers(rule)
    return {name: " ".join(numbers) for name, numbers in found.items() if numbers}


def _numbers(rule: dict[str, Any]) -> list[str]:
    window = rule.get("labels", {}).get("window", "")
    return NUMBER.findall(f"{window} {rule['expr']} {rule.get('for', '')}")


@pytest.mark.parametrize("rule", sorted(NUMBERS.keys() | _rules().keys()))
def test_the_numbers_of_each_rule_are_known(rule: str) -> None:
    """A number that is changed in the rules is looked for in the texts that name it."""
    naming = sorted({f"{each.text} {each.section}".strip() for each in SENTENCES if each.rule == rule})
    assert NUMBERS.get(rule) == _rules().get(rule), (
        f"change NUMBERS, and what names it in {', '.join(naming) or 'no text'}"
    )


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda each: f"{each.rule}-{each.number}-{each.text}")
def test_the_texts_name_the_numbers_of_the_rules(sentence: Sentence) -> None:
    """Where a text names a threshold or a duration, it is that of the rule."""
    assert sentence.number in NUMBERS[sentence.rule].split(), (
        f"{sentence.text} names {sentence.number}: {sentence.part}"
    )
    text = (ROOT / sentence.text).read_text(encoding="utf-8")
    if sentence.section:
        text = text.split(f"\n### {sentence.section}\n")[1].split("\n#")[0]
    written = [sentence.part.format(word) for word in WORDS.get(sentence.number, sentence.number).split("|")]
    assert any(part in text for part in written), f"{sentence.text} does not have any of {written}"


def _span(seconds: float) -> str:
    """Return a duration as the rules have it."""
    units = {"d": 86_400, "h": 3600, "m": 60}
    if seconds == 5400:
        return "90m"
    return next(f"{seconds / size:g}{unit}" for unit, size in units.items() if seconds % size == 0)


def test_the_exporter_judges_by_the_numbers_of_the_rules() -> None:
    """What the exporter's pages call low, blocked and stale is what the rules do, number by number."""
    spans = [_span(seconds) for seconds in trouble.LIMITS]
    square = trouble.Z**2
    bound = f"{square / 2:g} {trouble.Z:g} 1 {square / 4:g} 2 1 {square:g}"
    shares = [f"{share:g}" for share in trouble.LIMITS.values() if share != 1]
    limits = " ".join(f"{span} {share}" for span, share in zip(spans, shares, strict=False))
    enough = " ".join(f"{span} {trouble.ENOUGH_CALLS}" for span in spans[:-1])
    blocked, hold, past = (_span(each) for each in (trouble.BLOCKED_SPAN, trouble.BLOCKED_HOLD, trouble.PAST_SPAN))
    too_much = f"{hold} {trouble.BLOCKED_LIMIT:g} {hold} {trouble.UNUSUAL_LIMIT:g} {trouble.UNUSUAL:g}"
    judged = {
        "yunfu:task_calls:increase": " ".join(f"{span} {span}" for span in spans),
        "yunfu:task_answer_ratio:upper": bound,
        "yunfu:task_cause:share:lower": bound,
        "yunfu:task_answer_ratio:current": f"{enough} {spans[-1]}",
        "yunfu:task_answer_ratio:limit": f"{limits} {spans[-1]}",
        "yunfu:task_answer_ratio:below": f"{_span(trouble.BELOW_WITH_CALLS_IN)} 0",
        "yunfu:task_answer_ratio:low": " ".join([*spans, _span(trouble.LOW_WITH_CALLS_IN), "0"]),
        "YunfuTaskLowAnswerRate": _span(trouble.PENDING),
        "yunfu:task_results:increase30m": blocked,
        "yunfu:task_cause:past_base": f"{past} 1h {blocked}",
        "yunfu:task_cause:share_before": str(trouble.PAST_RESULTS),
        "YunfuTaskCarrierBlocked": f"0.001 {too_much} {_span(trouble.PENDING)}",
        "yunfu:task:stale": f"{trouble.STALE_INTERVALS:g} {trouble.STALE_SECONDS:g}",
    }
    rules = _rules()
    assert judged == {name: rules[name] for name in judged}
    assert rules["yunfu:cause:limit"].split()[0] == f"{trouble.CALM_LIMIT:g}"
    assert rules["yunfu:task_cause:count"].split()[0] == blocked
    assert rules["YunfuTaskStale"].split()[-1] == _span(trouble.STALE_PENDING) == queries.STALE_PENDING
