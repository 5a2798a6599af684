"""The language of the terminal."""

import pytest

from exporter.words.terminal import terminal_language


@pytest.mark.parametrize("locale", ["zh_CN.UTF-8", "zh_CN", "zh", "zh_TW.UTF-8", "zh.UTF-8", "zh_SG@pinyin"])
def test_a_chinese_locale_asks_for_chinese(locale: str) -> None:
    """Every way to spell a Chinese locale gives Chinese."""
    assert terminal_language({"LANG": locale}) == "zh"


@pytest.mark.parametrize("locale", ["", "C", "C.UTF-8", "POSIX", "en_US.UTF-8", "zhx_XX.UTF-8"])
def test_any_other_locale_gives_english(locale: str) -> None:
    """Without a locale, and in any that is not Chinese, commands speak English."""
    assert terminal_language({"LANG": locale}) == "en"
    assert terminal_language({}) == "en"


def test_the_most_specific_variable_that_is_set_decides() -> None:
    """LC_ALL is before LC_MESSAGES, and that before LANG; an empty one counts as not set."""
    assert terminal_language({"LC_ALL": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8", "LANG": "zh_CN.UTF-8"}) == "en"
    assert terminal_language({"LC_ALL": "", "LC_MESSAGES": "zh_CN.UTF-8", "LANG": "C"}) == "zh"
    assert terminal_language({"LC_MESSAGES": "C", "LANG": "zh_CN.UTF-8"}) == "en"
