"""The capture of a first contact: a JSON document of the calls and their answers that can be sent to others.

The document has a list ``accounts``, each with its ``calls``; ``simulate --replay`` serves them again. It is made by allow-lists:
what the redaction does not know is replaced, and of the headers only what is listed here is in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Final

from exporter import __version__
from exporter.api.bodies import parse_json
from exporter.api.client import API_PATH
from exporter.api.errors import MalformedError
from exporter.api.responses import read_hold
from exporter.api.scalars import read_count
from exporter.contact.calls import Call, Contact
from exporter.contact.redaction import Redactor
from exporter.contact.report import clock_difference

FORMAT: Final = 1
EXTRAS: Final = (("message", "/user/{user_id}/message"), ("token", "/token"))
"""Calls whose answers no document of the vendor's shows."""

_ABOUT: Final = (
    "What the platform answered to yunfu-exporter. Names, ids, texts and unknown keys are replaced, the same by the same; token, host and "
    "user_id are not in here. Please read it before you send it."
)
_MEDIA_TYPES: Final = frozenset({"application/json", "text/html", "text/plain", "text/xml", "application/xml"})
_RATE_HEADERS: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining")
_MOST_CALLS: Final = 1_000_000


def make_capture(contacts: Sequence[Contact], redactor: Redactor, *, blanks_numbers: bool) -> dict[str, object]:
    """Return the document."""
    return {
        "about": _ABOUT,
        "format": FORMAT,
        "exporter": __version__,
        "numbers": "replaced by 0" if blanks_numbers else "kept",
        "accounts": [_account(number, contact, redactor) for number, contact in enumerate(contacts, 1)],
    }


def _account(number: int, contact: Contact, redactor: Redactor) -> dict[str, object]:
    discovery, expiry = contact.account.discovery, contact.token_expiry
    asked_at = contact.calls[0].asked_at
    return {
        "name": f"account-{number}",
        "user_id": redactor.uuid(contact.account.user_id),
        "generations": [] if discovery is None else list(discovery.generations),
        "sub_accounts": discovery is not None and discovery.sub_accounts,
        "tasks": [redactor.uuid(task.id) for task in contact.account.tasks],
        "token_expires_in_days": None if expiry is None else int((expiry - asked_at) // 86_400),
        "calls": [_call(call, redactor) for call in contact.calls],
    }


def _call(call: Call, redactor: Redactor) -> dict[str, object]:
    asked: dict[str, object] = {
        "endpoint": call.endpoint,
        "path": API_PATH + "/".join(redactor.text(part) if "-" in part else part for part in call.path.split("/")),
        "query": {name: redactor.text(value, name) for name, value in call.query if name == "sub_user_id"}
        | {name: value for name, value in call.query if name != "sub_user_id"},
        "failure": None if call.error is None else call.error.reason,
    }
    if call.answer is None:
        return asked | {"status": None}
    difference = clock_difference(call)
    return asked | {
        "status": call.answer.status,
        "seconds": round(call.answer.seconds, 3),
        "clock_difference_seconds": None if difference is None else round(difference),
        "headers": _headers(call.answer.headers, call.asked_at),
        **_body(call.answer.body, redactor),
    }


def _headers(headers: Mapping[str, str], asked_at: float) -> dict[str, str]:
    """Return the few headers that are of use, each by what is read of it and never as it came."""
    kept = {}
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type in _MEDIA_TYPES:
        kept["Content-Type"] = media_type
    for name in _RATE_HEADERS:
        count = read_count(headers.get(name))
        if count is not None and count < _MOST_CALLS:
            kept[name] = f"{count}"
    if (seconds := read_hold(headers, asked_at)) is not None:
        kept["Retry-After"] = f"{ceil(seconds)}"
    return kept


def _body(body: bytes, redactor: Redactor) -> dict[str, object]:
    """Return the JSON of a body redacted; of another body its size, and whether it is a page."""
    try:
        document = parse_json(body, len(body))  # however many values it has
    except MalformedError:
        return {"not_json": {"bytes": len(body), "is_page": body.lstrip()[:1] == b"<"}}
    return {"json": redactor.value(document)}
