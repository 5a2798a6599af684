"""Content negotiation: what the quality values of Accept headers choose."""

import pytest

from exporter.web.negotiation import accepts_gzip, choose_language, wants_openmetrics


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
def test_the_preferred_language_is_chosen(header: str, language: str) -> None:
    """Quality values count, of equals the first; who asks for neither language gets the first, and no header is too long."""
    assert choose_language(header, ("en", "zh")) == language


@pytest.mark.parametrize(
    ("header", "openmetrics"),
    [
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.5", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.6", False),
        ("application/openmetrics-text;version=1.0.0;q=7,text/plain", True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;q=-1", False),
        ("*/*", False),
    ],
)
def test_openmetrics_has_to_be_preferred(header: str, *, openmetrics: bool) -> None:
    """Of equals OpenMetrics is chosen, in doubt the text format; a quality is at least 0 and at most 1."""
    assert wants_openmetrics(header) is openmetrics


@pytest.mark.parametrize(
    ("header", "packed"),
    [("gzip", True), ("*", True), ("gzip;q=0, *", False), ("br, *;q=0", False), ("gzip;q=x", False), ("", False)],
)
def test_gzip_is_accepted_by_name_or_by_the_star(header: str, *, packed: bool) -> None:
    """Its own quality counts before that of the star."""
    assert accepts_gzip(header) is packed
