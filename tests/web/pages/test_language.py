"""Languages of the pages: which one a reader is spoken to in, and that all is said in both."""

import re
import string
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import exporter.web.pages
from exporter.api.errors import REASONS
from exporter.api.model import STATUSES, TaskState
from exporter.metrics.families import COUNTER_FAMILIES, STATS_FAMILIES, status_families
from exporter.polling.discovery import HidingRule
from exporter.web.pages.judging import Standing
from exporter.web.pages.language import Ago, Ahead, Language, Share, Span, Speaker, negotiate, percent, phrase
from exporter.web.pages.question import Show, Sort
from exporter.web.pages.words import UNITS, WORDS
from grafana import palette, words

PAGES = Path(exporter.web.pages.__file__).parent
HAN = re.compile("[\u4e00-\u9fff]")
SHANGHAI = ZoneInfo("Asia/Shanghai")
ENGLISH, CHINESE = Speaker("en", SHANGHAI), Speaker("zh", SHANGHAI)
SAME_IN_BOTH = {"none", "account.token", "answer.calls", "generation.1", "generation.2"}
"""Texts that are no words."""

KINDS = {"bool", "generation", "intention", "outcome", "reason", "rounds", "status", "tag", "window"}
"""What label values are said by."""

MADE_UP = [
    *(f"state.{state}" for state in TaskState),
    *(f"status.{status}" for status in STATUSES),
    *(f"hidden.{rule}" for rule in HidingRule),
    *(f"sort.{sort}" for sort in Sort),
    *(f"show.{show}" for show in Show),
    *(f"reason.{reason}" for reason in REASONS),
    *(f"family.{family.name}" for family in status_families(())),
    *(f"family.{family.name}" for family in STATS_FAMILIES),
    *(f"family.{family.name}" for family in COUNTER_FAMILIES),
    *(f"verdict.{which}_{kind}" for which in ("low", "no_low") for kind in ("running", "active")),
]
"""Keys that the pages put together."""


def fields(text: str) -> set[str]:
    """Return the names that a text has filled in."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh-CN;q=0.8", "en"),
        ("zh-TW", "zh"),
        ("ZH", "zh"),
        ("de-DE,de;q=0.9", "en"),
        ("de,zh;q=0.5,en;q=0.1", "zh"),
        ("zh;q=0,*", "en"),
        ("en;q=0, *;q=0.1", "zh"),
        ("zh, en", "zh"),
        ("en;q=x, zh;q=0.1", "zh"),
        (",;;q=,zh;q=0.2", "zh"),
        ("zho-Hans", "en"),
        ("a," * 100_000 + "zh", "en"),
    ],
)
def test_the_reader_is_spoken_to_in_the_language_preferred(header: str, language: str) -> None:
    """Quality values count, of equals the first; who knows neither language reads English, and no header is too long."""
    assert negotiate(header) == language


@pytest.mark.parametrize("key", sorted(WORDS))
def test_every_text_is_there_in_both_languages(key: str) -> None:
    """Each is said in English and in Chinese, and both fill in the same values."""
    text = WORDS[key]
    assert text.en.strip(), key
    assert text.zh.strip(), key
    assert fields(text.en) == fields(text.zh)
    assert not HAN.search(text.en)
    assert key in SAME_IN_BOTH or text.en != text.zh


def test_every_text_that_is_said_is_there_and_every_one_there_is_said() -> None:
    """The keys in templates and code, and those put together from parts, are the keys of the words."""
    paths = {*PAGES.glob("*.py"), *PAGES.glob("templates/*.html")} - {PAGES / "words.py"}
    quoted = {
        key for path in paths for key in re.findall(r'"([a-z_]+(?:\.[a-z_0-9]+)?)"', path.read_text(encoding="utf-8"))
    }
    said = {key for key in quoted if "." in key and key.split(".")[0] in KINDS | {key.split(".")[0] for key in WORDS}}
    assert {key for key in said if not key.endswith((".html", ".css", ".js", ".svg"))} <= set(WORDS)
    assert {key for key in WORDS if key.split(".")[0] not in KINDS} - quoted - set(MADE_UP) == set()


@pytest.mark.parametrize("key", MADE_UP)
def test_what_is_put_together_is_there(key: str) -> None:
    """States, statuses, reasons, sortings and metrics all have their words."""
    assert key in WORDS


@pytest.mark.parametrize(
    ("kind", "vocabulary"),
    [
        ("status", words.STATUSES),
        ("state", words.STATES),
        ("intention", words.INTENTIONS),
        ("rounds", words.ROUNDS),
        ("outcome", words.OUTCOMES),
    ],
)
def test_pages_and_dashboards_speak_alike(kind: str, vocabulary: dict[str, words.Text]) -> None:
    """What a label value is called on the dashboards, it is called on the pages."""
    for value, text in vocabulary.items():
        assert (ENGLISH.name(kind, value), CHINESE.name(kind, value)) == (text.en, text.zh)


def test_pages_and_dashboards_have_the_same_colours() -> None:
    """A status of numbers has one colour, wherever it is looked at."""
    sheet = (PAGES / "static" / "style.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"\.status-(\w+) \{ fill: (#\w+); \}", sheet))
    assert {name: colour for name, colour in colours.items() if name != "other"} == palette.STATUS_COLOURS
    for name, colour in (("good", palette.GOOD), ("warn", palette.WARN), ("bad", palette.BAD)):
        assert f".{name}-fill {{ fill: {colour}; }}" in sheet


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (59.9, "59 s", "59 秒"),
        (60, "1 min", "1 分钟"),
        (125, "2 min 5 s", "2 分钟 5 秒"),
        (185, "3 min", "3 分钟"),
        (7200, "2 h", "2 小时"),
        (5400, "1 h 30 min", "1 小时 30 分钟"),
        (86_400, "1 day", "1 天"),
        (3 * 86_400 + 7200, "3 days", "3 天"),
        (1234 * 86_400, "1,234 days", "1,234 天"),
    ],
)
def test_a_span_is_said_as_people_do(seconds: float, english: str, chinese: str) -> None:
    """By its largest unit, and by the next while there are one or two of the largest."""
    assert (ENGLISH.value(Span(seconds)), CHINESE.value(Span(seconds))) == (english, chinese)


def test_values_are_filled_in_as_the_language_has_them() -> None:
    """Plurals, shares, what was and what is to come, and texts in texts."""
    assert ENGLISH("tasks.needs_look", n=1, of=1) == "1 of 1 needs a look"
    assert ENGLISH("tasks.needs_look", n=2, of=5000) == "2 of 5,000 need a look"
    assert ENGLISH("token.expires", when=Ahead(86_400)) == "expires in 1 day"
    assert CHINESE("token.expires", when=Ahead(86_400)) == "1 天后过期"
    assert CHINESE.value(Ago(5)) == "5 秒前"
    assert ENGLISH.value(Share(0.413)) == "41.3%"
    assert ENGLISH(phrase("account.discovery_fails", why=phrase("reason.other"))).endswith(WORDS["reason.other"].en)
    assert [percent(ratio) for ratio in (0, 0.2, 0.9104, 1.0, 1.604)] == ["0%", "20%", "91%", "100%", "160.4%"]


def test_a_name_that_is_not_known_is_its_own_word() -> None:
    """A customer's own intention, or a status of tomorrow, is shown as it is; format signs in it mean nothing."""
    for language in ("en", "zh"):
        speaker = Speaker(_language(language), SHANGHAI)
        assert speaker.name("intention", "非常{n}感兴趣") == "非常{n}感兴趣"
        assert speaker.name("status", "code_17") == "code_17"


def test_moments_are_those_of_the_time_zone() -> None:
    """The platform's times are China's, whatever the machine's are."""
    assert ENGLISH.moment(1_751_000_000) == "2025-06-27 12:53:20"
    assert ENGLISH.machine_moment(1_751_000_000) == "2025-06-27T12:53:20+08:00"


def test_what_needs_a_look_comes_first() -> None:
    """The standings that need a look are the worst ones."""
    assert [standing.needs_look for standing in sorted(Standing)] == [True] * 3 + [False] * 4


def test_units_are_in_both_languages() -> None:
    """Each unit of time has its words."""
    assert all(text.en and HAN.search(text.zh) for text in UNITS.values())


def _language(name: str) -> Language:
    return "zh" if name == "zh" else "en"
