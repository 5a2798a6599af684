"""Languages of the pages: how numbers, spans and moments are said in each."""

from zoneinfo import ZoneInfo

import pytest

from exporter.web.pages.language import Ago, Ahead, Language, Moment, Share, Span, Speaker, percent, phrase
from exporter.words.labels import LABELS
from exporter.words.pages import WORDS

SHANGHAI = ZoneInfo("Asia/Shanghai")
ENGLISH, CHINESE = Speaker("en", SHANGHAI), Speaker("zh", SHANGHAI)


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


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [(0.0021, "2 ms", "2 毫秒"), (0.9996, "1.0 s", "1.0 秒"), (2.04, "2.0 s", "2.0 秒")],
)
def test_a_duration_is_said_in_the_language_s_units(seconds: float, english: str, chinese: str) -> None:
    """Milliseconds below a second, then tenths of seconds."""
    assert (ENGLISH.duration(seconds), CHINESE.duration(seconds)) == (english, chinese)


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


@pytest.mark.parametrize("label", LABELS)
def test_label_values_are_said_by_their_words(label: str) -> None:
    """What a label value is called on the dashboards, it is called on the pages."""
    for value, text in LABELS[label].items():
        assert (ENGLISH.name(label, value), CHINESE.name(label, value)) == text


def test_a_name_that_is_not_known_is_its_own_word() -> None:
    """A customer's own intention, or a status of tomorrow, is shown as it is; format signs in it mean nothing."""
    for language in ("en", "zh"):
        speaker = Speaker(_language(language), SHANGHAI)
        assert speaker.name("intention", "非常{n}感兴趣") == "非常{n}感兴趣"
        assert speaker.name("status", "code_17") == "code_17"


def test_moments_are_those_of_the_time_zone() -> None:
    """The platform's times are China's, whatever the machine's are, and each names its zone, by its offset then."""
    assert ENGLISH.moment(1_751_000_000) == "2025-06-27 12:53:20 UTC+8"
    assert ENGLISH.value(Moment(1_751_000_000)) == ENGLISH.time_of_day(1_751_000_000) == "12:53:20 UTC+8"
    new_york, calcutta = (Speaker("en", ZoneInfo(name)) for name in ("America/New_York", "Asia/Kolkata"))
    assert [new_york.zone(unix) for unix in (1_751_000_000, 1_765_000_000)] == ["UTC-4", "UTC-5"]
    assert calcutta.zone(0) == "UTC+5:30"
    assert Speaker("zh", ZoneInfo("America/St_Johns")).zone(1_751_000_000) == "UTC-2:30"
    assert ENGLISH.machine_moment(1_751_000_000) == "2025-06-27T12:53:20+08:00"


def _language(name: str) -> Language:
    return "zh" if name == "zh" else "en"
