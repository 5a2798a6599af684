"""The kinds of value: what is read as what, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.values import (
    Address,
    WindowSettings,
    format_duration,
    parse_address,
    parse_base_url,
    parse_duration,
    parse_label_name,
    parse_number,
    parse_path,
    parse_pattern,
    parse_proxy,
    parse_rate,
    parse_ratio,
    parse_text,
    parse_timezone,
    parse_token,
    parse_uuid,
    parse_whole_number,
    parse_window,
    show,
)

UUID = "40863af8-db4a-41c6-a269-eb5bc386d97f"
DURATIONS = "expected 500ms, 10s, 5m, 1h30m, 1d or a number of seconds"
ADDRESSES = "expected HOST:PORT, [IPv6]:PORT or :PORT, ports 1 to 65535"
BASE_URLS = "expected like https://api.example.com or https://example.com/prefix"
PROXIES = "expected like http://user:password@proxy.example.com:3128"


@pytest.mark.parametrize(
    ("parse", "written", "value"),
    [
        (parse_duration, "500ms", 0.5),
        (parse_duration, "10s", 10.0),
        (parse_duration, "5m", 300.0),
        (parse_duration, "1h30m", 5400.0),
        (parse_duration, "1d", 86400.0),
        (parse_duration, "1d2h3m4s5ms", 93784.005),
        (parse_duration, "366d", 366 * 86400.0),
        (parse_duration, 90, 90.0),
        (parse_duration, 1.5, 1.5),
        (parse_duration, "2.5", 2.5),
        (parse_duration, "0", 0.0),
        (parse_rate, "30/m", 0.5),
        (parse_rate, "1/s", 1.0),
        (parse_rate, "0.25", 0.25),
        (parse_rate, 2, 2.0),
        (parse_number, "0.25", 0.25),
        (parse_ratio, "0.3", 0.3),
        (parse_ratio, 0, 0.0),
        (parse_ratio, 1, 1.0),
        (parse_number, "-1e3", -1000.0),
        (parse_whole_number, "007", 7),
        (parse_address, "[::]:10042", Address("::", 10042)),
        (parse_address, "[::1]:65535", Address("::1", 65535)),
        (parse_address, ":10042", Address("", 10042)),
        (parse_address, "exporter.example.com:1", Address("exporter.example.com", 1)),
        (parse_window, "today", WindowSettings("today")),
        (parse_window, "24h", WindowSettings("24h", 86400.0)),
        (parse_window, 900, WindowSettings("900", 900.0)),
        (parse_uuid, UUID.upper(), UUID),
        (parse_text, " 老客户回访 ", "老客户回访"),
        (parse_label_name, "_team2", "_team2"),
        (parse_base_url, "https://api.example.com/", "https://api.example.com"),
        (parse_base_url, "HTTPS://API.Example.com/Prefix", "https://api.example.com/Prefix"),
        (parse_base_url, "http://[::1]:8080/a/b//", "http://[::1]:8080/a/b"),
        (parse_base_url, "https://接口.例子.test", "https://xn--6orp08a.xn--fsqu00a.test"),
        (
            parse_base_url,
            "https://接口。例子.TEST:8443/品牌/a%2Fb",
            "https://xn--6orp08a.xn--fsqu00a.test:8443/%E5%93%81%E7%89%8C/a%2Fb",
        ),
        (parse_base_url, "https://xn--6orp08a.xn--fsqu00a.test", "https://xn--6orp08a.xn--fsqu00a.test"),
        (parse_base_url, "https://Bücher.example/ü%C3%BC", "https://xn--bcher-kva.example/%C3%BC%C3%BC"),
    ],
)
def test_reads(parse: Callable[[object], object], written: object, value: object) -> None:
    """What is written becomes the typed value."""
    assert parse(written) == value
    assert type(parse(written)) is type(value)


@pytest.mark.parametrize(
    ("parse", "written", "fault"),
    [
        *(
            (parse_duration, odd, f"{shown} is not a duration; {DURATIONS}")
            for odd, shown in [
                (True, "'true'"),
                ("", "''"),
                ("ten", "'ten'"),
                ("1m1h", "'1m1h'"),
                ("5 m", "'5 m'"),
                ("1.5h", "'1.5h'"),
                (float("nan"), "'nan'"),
                ("inf", "'inf'"),
                ("1e999", "'1e999'"),
                (None, "null"),
                ([60], "a list"),
            ]
        ),
        (parse_duration, -1, "'-1' is out of range; expected a duration from 0 to 366d"),
        (parse_duration, "367d", "'367d' is out of range; expected a duration from 0 to 366d"),
        (parse_number, False, "'false' is not a number; expected a number"),
        (parse_number, 10**400, "something long is not a number; expected a number"),
        *(
            (parse_ratio, odd, f"{show(odd)} is {fault}; expected a number from 0 to 1, such as 0.3 for 30%")
            for fault, odds in {
                "not a number": ["30%", "0,3", True, None, float("nan"), "３０"],
                "out of range": [30, 1.5, -0.1, "30"],
            }.items()
            for odd in odds
        ),
        *(
            (parse_rate, odd, f"{show(odd)} is not a rate; expected 30/m, 1/s or a number per second")
            for odd in ["30/h", "30/", "/m", "30/m/s", "inf", "", True, [1]]
        ),
        (parse_rate, "0/m", "'0/m' is out of range; expected above 0, as 30/m, 1/s or a number per second"),
        (parse_whole_number, 2.0, "'2.0' is not a whole number; expected a whole number"),
        (parse_whole_number, True, "'true' is not a whole number; expected a whole number"),
        *(
            (parse_address, odd, f"{show(odd)} is not an address; {ADDRESSES}")
            for odd in [
                "::1:80",
                "[::1]",
                "localhost",
                "localhost:0",
                "localhost:65536",
                "user@host:80",
                "[host]:80",
                10042,
                "",
            ]
        ),
        *(
            (
                parse_window,
                odd,
                f"'{odd}' is not a window; expected today, yesterday or a duration of at least 1m",
            )
            for odd in [
                "tomorrow",
                "59s",
                "Today",
                -900,
            ]
        ),
        *(
            (parse_uuid, odd, f"{show(odd)} is not a UUID; expected like {UUID}")
            for odd in [
                "abc",
                UUID[:-1],
                f"{UUID}0fed",
                "0123456789abcdefg"[:16],
                5,
                None,
            ]
        ),
        *(
            (parse_uuid, odd, f"something long is not a UUID; expected like {UUID}")
            for odd in [
                "s3cr3t-opaque-tok",
                UUID.replace("-", ""),
                f"{{{UUID}}}",
                f"{UUID}0fedc",
            ]
        ),
        (parse_uuid, "eyJhbGciOiJub25lIn0", f"something like a token is not a UUID; expected like {UUID}"),
        (parse_text, 7, "is a number; expected text, in quotes if need be"),
        (parse_text, True, "is true or false; expected text, in quotes if need be"),
        *(
            (parse_text, odd, "is empty or has characters that cannot be printed; expected text of one line")
            for odd in [
                "",
                "  ",
                "a\nb",
                "\udc80",
            ]
        ),
        (parse_path, "", "is empty or has characters that cannot be printed; expected text of one line"),
        *(
            (
                parse_timezone,
                odd,
                f"{show(odd)} is not a time zone; expected a name like Asia/Shanghai or UTC",
            )
            for odd in [
                "Asia/Nowhere",
                "Asia",
                "../etc/passwd",
                "",
                8,
            ]
        ),
        (
            parse_pattern,
            "a(",
            "'a(' is not a regular expression (missing ), unterminated subpattern); expected Python's syntax, in which .* is any text",
        ),
        *(
            (
                parse_pattern,
                odd,
                f"{show(odd)} is not a regular expression ({fault}); expected Python's syntax, in which .* is any text",
            )
            for odd, fault in [
                ("a{99999999999}", "the repetition number is too large"),
                ("(" * 3000 + "a" + ")" * 3000, "nested too deeply"),
            ]
        ),
        (
            parse_label_name,
            "2nd",
            "'2nd' is not a label name; expected letters, digits and _, no digit first",
        ),
        (
            parse_label_name,
            "__x",
            "'__x' is reserved; expected no __ in front and none of account, generation, kind, name, sub_account, task, alertname, instance, job, pod, severity",
        ),
        *(
            (parse_token, odd, f"{fault}; expected the token alone")
            for odd, fault in [
                ('"abc"', "has quotation marks"),
                ("'abc'", "has quotation marks"),
                ("“abc”", "has quotation marks"),
                ('"TOKEN=abc"', "has quotation marks"),
                ("TOKEN=abc", "is written as NAME=TOKEN"),
                ("export YUNFU_TOKEN=abc", "is written as NAME=TOKEN"),
                ("token = abc", "is written as NAME=TOKEN"),
                ("Bearer abc", "is written as in a header"),
                ("Authorization: Bearer abc", "is written as in a header"),
            ]
        ),
        (parse_token, "two words", "has blanks or characters outside ASCII; expected the token alone"),
        (parse_token, "密码", "has blanks or characters outside ASCII; expected the token alone"),
        *(
            (parse_base_url, odd, f"is not an http or https address; {BASE_URLS}")
            for odd in [
                "ftp://example.com",
                "example.com",
                "https://",
                "https://:443",
                "https://a:b",
                "http://a:0",
                "https://[::1",
                "http://a b",
                f"http://{'例' * 64}.test",
            ]
        ),
        (parse_base_url, "https://example.com?a=1", f"has a query or fragment; {BASE_URLS}"),
        (parse_base_url, "https://example.com/#", f"has a query or fragment; {BASE_URLS}"),
        (parse_base_url, "https://user@example.com", f"has a user name or password; {BASE_URLS}"),
        (parse_proxy, "socks5://user:pw@example.com", f"is not an http or https address; {PROXIES}"),
        (
            parse_proxy,
            "http://us%3Aer:pw@example.com",
            f"has a colon in the user name, which basic auth cannot carry; {PROXIES}",
        ),
        (parse_proxy, "http://user:pw@example.com/path", f"has a path; {PROXIES}"),
    ],
)
def test_refuses(parse: Callable[[object], object], written: object, fault: str) -> None:
    """What cannot be read is refused with one line: what is wrong, what is accepted."""
    with pytest.raises(ValueError, match=rf"^{re.escape(fault)}$"):
        parse(written)


@pytest.mark.filterwarnings("ignore")
def test_refuses_a_pattern_that_python_warns_of() -> None:
    """A class of characters in POSIX's way is another set to Python, whether or not warnings are shown."""
    with pytest.raises(ValueError, match=re.escape("is not a regular expression (Possible nested set at position 1)")):
        parse_pattern("[[:alpha:]]+")


@given(st.integers(min_value=0, max_value=366 * 86_400_000))
def test_durations_survive_being_written_and_read(milliseconds: int) -> None:
    """A duration that is written and read again is the same."""
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (0.5, "500ms"), (5400, "1h30m"), (86400, "1d"), (60.0, "1m")])
def test_durations_are_written_as_people_write_them(seconds: float, text: str) -> None:
    """A duration is written with the largest units first, and no zeros."""
    assert format_duration(seconds) == text


@pytest.mark.parametrize("address", ["[::1]:10042", ":10042", "0.0.0.0:80"])
def test_an_address_is_written_as_it_is_read(address: str) -> None:
    """An address is written as it is read, brackets included."""
    assert str(parse_address(address)) == address


@pytest.mark.parametrize(
    "token", ["12|aBc", "abc==", "eyJhbGciOiJub25lIn0=.e30=.c2ln", "a-b=c", "bearer", "basic-1", "x" * 4000, "a:b"]
)
def test_what_can_be_a_token_is_read(token: str) -> None:
    """Nothing is refused that a platform could have made: padding, bars, dashes, or a word of HTTP without a blank."""
    assert parse_token(f" {token} ").get_secret_value() == token


def test_long_values_and_tokens_are_not_shown() -> None:
    """Nothing is shown of a text that is longer than a UUID, nor of a token in the wrong place."""
    assert show("x" * 40) == f"'{'x' * 40}'"
    assert show("x" * 41) == "something long"
    assert show("Bearer eyJhbGciOiJIUzI1NiJ9.e30.s") == "something like a token"
