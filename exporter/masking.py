"""The masking of free text that comes from the platform, before it is shown to people.

A message of the platform's can quote anything: the token of the call, a customer's phone number, an address inside
its network. Where that is in doubt it is masked: a word too few does less harm than a number too many.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_CHARACTERS: Final = 80
"""The longest that a masked text becomes."""

MASK: Final = "***"

_READ: Final = 400
_SHOWN: Final = 300  # what begins later may go on where it is not read, so that it cannot be recognised

_KEYS: Final = (
    r"eyJ[\w+/.~%-]*=*",  # a JSON web token
    r"(?<!\w)(?i:sk|pk|rk|ak|whsec|gh[oprsu]|glpat|xox[abeprs])[_-][\w-]{8,}",  # a key of the usual makes
    r"[0-9A-Fa-f]{16,}",
)
_TOKENS: Final = (
    *_KEYS,
    r"(?i:bearer)\s+[!-~]+",
    r"(?i:token|authorization|password|passwd|secret|cookie|key|sign|signature)[\"']?\s*[:=]\s*[!-~]+",
    r"(?:密码|口令|密钥|秘钥|令牌|凭证|凭据|验证码)[\s:=为是\"'“”‘’「『]*+[!-~]*\w[!-~]*",  # no sign need stand between
    r"(?=[\w+/.~%-]*\d)[\w+/.~%-]{12,}=*",
    r"[\w+/.~%-]{24,}=*",
)
_ADDRESSES: Final = (
    r"[\w.%+~-]*@[\w.-]*",
    r"(?:[A-Za-z][\w+.-]*:)?//[^\s,;。、\"'<>]*",
    r"(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:/[\w/?&=.%#~+-]*)?",
    r"(?<![\w.-])(?!(?i:\w*(?:code|status|error|errno|line)):)[A-Za-z][\w.-]*:\d{2,5}",
    r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?",
    r"(?<![\w:])(?=[0-9A-Fa-f:]*::|(?:[0-9A-Fa-f]*:){3})(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])",
)
_PHONE_NUMBER: Final = r"\d(?:[ ().+/‐-―−-]{0,3}\d){6,}"
_SECRETS: Final = [re.compile(pattern, re.ASCII) for pattern in (*_TOKENS, *_ADDRESSES, _PHONE_NUMBER)]
_RECOGNISABLE: Final = re.compile("|".join(_KEYS), re.ASCII)
_WORDS: Final = re.compile(r"_*[A-Za-z]{1,23}\d{0,2}(?:[_.>~-]+[A-Za-z]{1,23}\d{0,2})*", re.ASCII)
"""A name made of words, which as a text would look like a token or a host."""

_DATE: Final = re.compile(r"(?:19|20)\d\d[-/]\d\d[-/]\d\d(?: \d\d)?", re.ASCII)
"""A date, with the hour of a time after it: it looks like a phone number, and is none."""


def mask(text: str) -> str:
    """Return at most 80 printable characters of a text, on one line, with what may be private replaced by ``***``.

    That is what looks like a token, a phone number, an e-mail or network address, or a URL.
    """
    line = " ".join("".join(map(_printable, text[:_READ])).split())
    end = len(line) if len(text) <= _READ else min(len(line), _SHOWN)
    pieces, shown = [], 0
    for start, stop in _private_spans("".join(map(_plain, line))):
        if shown <= start < end:
            pieces += [line[shown:start], MASK]
        shown = max(shown, stop)
    masked = "".join([*pieces, line[shown:end]])
    is_whole = len(masked) <= MAX_CHARACTERS and len(text) <= _READ
    return masked if is_whole else f"{masked[: MAX_CHARACTERS - 1]}…"


def mask_name(name: str) -> str:
    """Return the name of a field masked like a text, but whole where it is made of words: ``answer_rate_v2``."""
    return name if _WORDS.fullmatch(name) and not _RECOGNISABLE.search(name) else mask(name)


def _private_spans(line: str) -> list[tuple[int, int]]:
    """Return where something private begins and ends, the earliest first; such places can overlap."""
    found = (match for pattern in _SECRETS for match in pattern.finditer(line))
    return sorted(match.span() for match in found if not _DATE.fullmatch(match.group()))


def _printable(character: str) -> str:
    """Return a character as it may be shown: a space for any white space, and nothing for what steers a terminal or text."""
    if character.isspace():
        return " "
    return character if character.isprintable() else ""


def _plain(character: str) -> str:
    """Return the one ASCII character that a digit, letter or sign of another width or script stands for, if there is one."""
    number = unicodedata.numeric(character, None)
    if number is not None and number in range(10):
        return str(int(number))
    normal = unicodedata.normalize("NFKC", character)
    return normal if len(normal) == 1 else character
