"""Patterns of the platform's values that more than one package has to know by sight."""

import re
from typing import Final

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
"""A UUID in lower case, as the platform writes its ids."""

TOKEN_SIGN: Final = "eyJ"  # noqa: S105 - no token, only how one begins
"""What every JSON web token begins with (RFC 7519: the Base64 of an opening brace and quotation mark)."""
