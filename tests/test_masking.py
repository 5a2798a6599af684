"""The masking of the platform's words."""

from __future__ import annotations

import base64
import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.masking import MASK, MAX_CHARACTERS, mask, mask_name

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.AbC-_9"
ANYTHING = st.text(max_size=120)
DIGITS = st.text("0123456789", min_size=8, max_size=8)


@pytest.mark.parametrize(
    "text",
    [
        "系统繁忙",
        "余额不足",
        "无权访问",
        "请先暂停任务",
        "2.0任务启动中",
        "余额：-12.50 元，今日已用 1,234,567 次",
        "错误码:6007（code:500, error_code=12）",
        "套餐已于2025-06-30 09:30:03到期",
        "套餐已于2025/06/30到期",
        "Unauthenticated.",
        "token expired, user_not_found: try again",
        "token：已过期",
        "密码错误",
        "密码：已过期，口令为空 (code:500)",
        "internationalization of characteristics",
        "SQLSTATE[HY000] [2002] Connection refused",
    ],
)
def test_what_a_platform_says_of_itself_stays(text: str) -> None:
    """Sentences, codes, amounts, dates and times are shown as they are."""
    assert mask(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bearer a1 is bad", f"{MASK} is bad"),
        (f"token无效：{JWT}。", f"token无效：{MASK}。"),
        ("eyJ9", MASK),
        ("token=a1b2c3, retry", f"{MASK} retry"),
        ("Authorization: x", MASK),
        ("密码：Hunter2", MASK),
        ("密码SECRET，请重试", f"{MASK}请重试"),
        ("口令是“open”", f"{MASK}”"),
        ("密钥 = $abc 已失效", f"{MASK} 已失效"),
        ("deadbeefdeadbeef", MASK),
        ("key DEADBEEFdeadbeefcafe bad", f"key {MASK} bad"),
        ("sk_live_abcdefghij", MASK),
        ("pl4nted-F1le-T0ken", MASK),
        ("AbCdEfGhIjKlMnOpQrStUvWx", MASK),
        ("任务40863af8-db4a-41c6-a269-eb5bc386d97f不存在", f"任务{MASK}不存在"),
        ("号码13800138000在黑名单中", f"号码{MASK}在黑名单中"),
        ("138 0013 8000、138-0013-8000", f"{MASK}、{MASK}"),
        ("＋８６ １３８００１３８０００", f"＋{MASK}"),
        ("一三八〇〇一三八〇〇〇", MASK),
        ("(010) 1234-5678 转 8", f"({MASK} 转 8"),
        ("0755-12345678", MASK),
        ("400-820-8820", MASK),
        ("110101199001011234", MASK),
        ("1380013\u200b8000", MASK),
        ("请联系support@yunfu.cn处理", f"请联系{MASK}处理"),
        ("见https://a.test/x?y=1，谢谢", f"见{MASK}，谢谢"),
        ("//cdn.test/x", MASK),
        ("cannot resolve db.internal.example", f"cannot resolve {MASK}"),
        ("connect mysql:3306 failed", f"connect {MASK} failed"),
        ("10.0.0.1:9501 refused, 192.168.1.1 too", f"{MASK} refused, {MASK} too"),
        ("from ::1, fe80::a:1 and 2001:db8:0:0:0:0:0:1", f"from {MASK}, {MASK} and {MASK}"),
        ("::ffff:10.0.0.1", MASK),
    ],
)
def test_what_may_be_private_is_masked(text: str, shown: str) -> None:
    """Tokens, phone numbers and addresses, also of other widths and with signs in between, are masked; the rest stays."""
    assert mask(text).replace(MASK * 2, MASK) == shown


@given(st.text())
@example("\x1b[31mred\u202eder\x9b\r\n\u2028\ud800")
@example("余额不足" * 500)
def test_what_is_shown_fits_one_line(text: str) -> None:
    """Whatever comes becomes at most 80 printable characters, without line breaks and what steers a terminal or the text."""
    shown = mask(text)
    assert len(shown) <= MAX_CHARACTERS
    assert all(character.isprintable() for character in shown)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs"}
    assert shown == shown.strip()


@given(st.text("余额不足，请稍后重试。（）", max_size=60))
def test_a_short_sentence_is_not_changed(text: str) -> None:
    """A sentence that holds nothing private is shown whole."""
    assert mask(text) == text


def _phone_numbers() -> st.SearchStrategy[str]:
    """Give mobile and landline numbers as people write them, in ASCII and full-width digits."""
    wide = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}
    written = st.one_of(
        DIGITS.map(lambda rest: f"138{rest}"),
        DIGITS.map(lambda rest: f"139 {rest[:4]} {rest[4:]}"),
        DIGITS.map(lambda rest: f"+86-150-{rest[:4]}-{rest[4:]}"),
        DIGITS.map(lambda rest: f"010-{rest}"),
        DIGITS.map(lambda rest: f"（0755）{rest}"),
    )
    return st.one_of(written, written.map(lambda number: number.translate(wide)))


@given(ANYTHING, _phone_numbers(), ANYTHING)
def test_no_phone_number_is_shown(before: str, number: str, after: str) -> None:
    """Whatever stands around a phone number, its digits are not in what is shown."""
    assert _digits(number)[-8:] not in _digits(mask(f"{before} {number} {after}").replace("…", ""))


def _digits(text: str) -> str:
    return "".join(
        str(unicodedata.digit(character)) for character in text if unicodedata.digit(character, None) is not None
    )


@given(before=ANYTHING, secret=st.binary(min_size=24, max_size=60), after=ANYTHING, is_jwt=st.booleans())
def test_no_token_is_shown(before: str, secret: bytes, after: str, *, is_jwt: bool) -> None:
    """Whatever stands around a token, opaque or a JSON web token, no part of it of six characters is in what is shown."""
    opaque = base64.b64encode(secret).decode()
    claims = json.dumps({"sub": opaque}).encode()
    token = f"{base64.urlsafe_b64encode(claims).decode()}.{opaque}" if is_jwt else opaque
    shown = mask(f"{before} {token}{after}")
    parts = {token[start : start + 6] for start in range(len(token) - 5)}
    assert not [part for part in parts if part in shown and part not in before + after]


@given(ANYTHING, st.ip_addresses(), st.integers(10, 65_535), ANYTHING)
def test_no_address_is_shown(before: str, address: object, port: int, after: str) -> None:
    """Whatever stands around an IP address, it is not in what is shown."""
    for text in (str(address), f"http://{address}:{port}/x", f"[{address}]:{port}"):
        assert str(address) not in mask(f"{before} {text} {after}") or str(address) in before + after


@given(st.text("a1.:@/-+ 号", max_size=2000))
def test_no_text_is_cut_within_something_private(text: str) -> None:
    """A long text that is not read to its end shows no beginning of what goes on where it is not read."""
    assert "138001" not in mask(f"{text}{'，' * 20}13800138000")


@pytest.mark.parametrize("filler", range(280, 420, 7))
def test_the_end_of_what_is_read_cuts_nothing_private(filler: int) -> None:
    """A token that is cut by the bound of what is read is masked, however little else is shown."""
    text = f"{'a1' * (filler // 2)} 13800138000 {'b2' * 300}"
    assert "1380" not in mask(text)


@pytest.mark.parametrize(
    "name", ["answer_rate_v2", "callCompletetRate2", "average_call_duration_by_hour", "接通率", "_a-b.c"]
)
def test_a_name_made_of_words_stays(name: str) -> None:
    """The name of a field is shown whole, also where it is as long as a token."""
    assert mask_name(name) == name
