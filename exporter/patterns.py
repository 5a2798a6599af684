"""Patterns of the platform's values that more than one package has to know by sight."""

import re
from typing import Final

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
"""A UUID in lower case, as the platform writes its ids."""

TOKEN_SIGN: Final = "eyJ"  # noqa: S105 - no token, only how one begins
"""What every JSON web token begins with (RFC 7519: the Base64 of an opening brace and quotation mark)."""

NO_TOKENS: Final = (
    (re.compile(r""".*["'`“”‘’]""", re.DOTALL), "has quotation marks"),
    (re.compile(r"(authorization\s*:|bearer\s|basic\s)", re.IGNORECASE), "is written as in a header"),
    (
        re.compile(rf"(export\s+)?(?!{TOKEN_SIGN})[a-z_]\w*\s*=[^=]", re.IGNORECASE | re.ASCII),
        "is written as NAME=TOKEN",
    ),
)
"""What is often taken for a token, by its beginning, and what is wrong with it."""
