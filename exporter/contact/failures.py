"""The explanation of failed calls of a first contact: what each shows, with the path that was asked and what to try."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from exporter.api.bodies import parse_json
from exporter.api.client import API_PATH
from exporter.api.errors import ApiError, ApiTimeout, ConnectError, EnvelopeError, HttpError, MalformedError, TlsError
from exporter.contact.calls import Call, Contact

_OWN_PATH: Final = re.compile(rf"{API_PATH}(/.*)?$")
_NOT_HERE: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_NOT_HERE_KEYS: Final = {
    "stat": "stat_refused",
    "tasks": "list_lacking",
    "new_tasks": "list_lacking",
    "all_tasks": "sub_list_lacking",
    "subset_tasks": "sub_list_lacking",
}
_OF_ALL: Final = frozenset({"failure.refused", "failure.token_refused"})
"""Explanations that are wrong where other calls work."""

_BY_CODE: Final = {HTTPStatus.UNAUTHORIZED: "token_refused", HTTPStatus.TOO_MANY_REQUESTS: "throttled"}
_PLAIN_TO_TLS: Final = b"HTTPS port"
"""What nginx answers with 400 in this case: "The plain HTTP request was sent to HTTPS port"."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of ``words.contact``: its key and what is filled in."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


def explain_all(contact: Contact) -> Sentence:
    """Return why all calls failed."""
    call = contact.failed[0]
    values, base, code = _values(contact, call), contact.account.base_url, _code(call)
    extra, document = urlsplit(base).path, _document(call)
    is_doubled = _OWN_PATH.search(base) is not None
    if extra and (code == HTTPStatus.NOT_FOUND or (is_doubled and isinstance(call.error, MalformedError))):
        try_url = _OWN_PATH.sub("", base) if is_doubled else base.removesuffix(extra)
        return Sentence("failure.path_too_much", {**values, "extra": extra, "try_url": try_url})
    if code in _NOT_HERE:
        is_platforms = isinstance(document, dict) and "code" in document
        key = "no_api" if not is_platforms else "stat_refused" if call.endpoint == "stat" else "user_id_refused"
        return Sentence(f"failure.{key}", values)
    return _explain(contact, call)


def explain_one(contact: Contact, call: Call) -> Sentence:
    """Return why a call failed where others did not."""
    if _code(call) not in _NOT_HERE:
        explained = _explain(contact, call)
        return replace(explained, key="failure.refused_alone") if explained.key in _OF_ALL else explained
    return Sentence(f"failure.{_NOT_HERE_KEYS.get(call.endpoint, 'refused_alone')}", _values(contact, call))


def _explain(contact: Contact, call: Call) -> Sentence:
    """Return why a call failed, as far as the call itself shows it."""
    values, error, code = _values(contact, call), call.error, _code(call)
    expiry, key = contact.token_expiry, "refused_said" if values["said"] else "refused"
    if code == HTTPStatus.UNAUTHORIZED and expiry is not None and expiry < call.asked_at:
        return Sentence("failure.token_expired", {**values, "when": format_moment(expiry)})
    if code in _BY_CODE:
        return Sentence(f"failure.{_BY_CODE[HTTPStatus(int(code or 0))]}", values)
    match error:
        case ConnectError():
            return _explain_connection(contact, error, values)
        case MalformedError() if call.answer is None:  # such as an alert of TLS, which is no HTTP
            return _explain_connection(contact, error, values)
        case HttpError() if error.status < HTTPStatus.BAD_REQUEST:
            return _explain_redirect(contact, call, values)
        case HttpError() if _PLAIN_TO_TLS in _body(call):
            return Sentence("failure.wants_https", {**values, "try_url": _other_scheme(contact)})
        case ApiTimeout():  # a server without TLS can wait for the rest of what it takes for a request
            return _explain_silence(contact, values)
        case MalformedError():
            key = _kind_of_body(call)
        case HttpError() if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            key = "platform_error"
    return Sentence(f"failure.{key}", values)


def _explain_connection(contact: Contact, error: Exception, values: Mapping[str, object]) -> Sentence:
    """Return why there was no answer, by the error of aiohttp's that is its cause."""
    cause, other = error.__cause__, {**values, "try_url": _other_scheme(contact)}
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        return Sentence("failure.certificate", values)
    if isinstance(error, TlsError):
        return Sentence("failure.wants_http", other)
    is_connected = not isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError)
    if is_connected and contact.account.base_url.startswith("http:"):
        return Sentence("failure.wants_https_perhaps", other)
    return Sentence("failure.unreachable", values)


def _explain_silence(contact: Contact, values: Mapping[str, object]) -> Sentence:
    is_first = contact.failed[0] is contact.calls[0] and contact.account.base_url.startswith("https:")
    other = {**values, "try_url": _other_scheme(contact)}
    return Sentence("failure.wants_http", other) if is_first else Sentence("failure.timeout", values)


def _explain_redirect(contact: Contact, call: Call, values: Mapping[str, object]) -> Sentence:
    location = "" if call.answer is None else call.answer.headers.get("Location", "")
    base = urlsplit(contact.account.base_url)
    try:
        to = urlsplit(location)
        is_upgrade = to.scheme == "https" and base.scheme == "http" and to.hostname == base.hostname
    except ValueError:
        is_upgrade = False
    if is_upgrade:
        return Sentence("failure.wants_https", {**values, "try_url": f"https://{to.netloc}{base.path}"})
    return Sentence("failure.redirect", values)


def _kind_of_body(call: Call) -> str:
    """Return what came instead of the API's JSON."""
    if _body(call).lstrip()[:1] == b"<":
        return "web_page"
    document = _document(call)
    if isinstance(document, dict) and "code" in document:
        return "not_documented"
    return "not_json" if document is None else "other_json"


def _values(contact: Contact, call: Call) -> dict[str, object]:
    """Return what sentences about a failed call can fill in."""
    code = call.error.code if isinstance(call.error, EnvelopeError) else None
    http = None if call.answer is None else call.answer.status
    answer = Sentence("status.none") if http is None else Sentence("status.http", {"status": http})
    if code is not None:
        answer = Sentence("status.code", {"status": http, "code": f"{code:g}"})
    said = "" if call.error is None else call.error.said
    return {
        "path": contact.full_path(call),
        "answer": answer,
        "said": said,
        "status": Sentence("status.said", {"status": answer, "said": said}) if said else answer,
        "base": contact.account.base_url,
        "user_id": contact.account.user_id,
        "why": Sentence(_why(call.error), {"text": str(call.error)}),
        "call": Sentence(f"endpoint.{call.endpoint}"),
        "generation": "2" if call.path.startswith("/new/") else "1",
        "task": "" if contact.task is None else contact.task.id,
    }


def _why(error: ApiError | None) -> str:
    """Return the key of the reason in a few words, which stand before the error's own text where that is in another language."""
    match error:
        case ApiTimeout():
            return "why.timeout"
        case TlsError():
            return "why.tls"
        case ConnectError():
            return "why.connect"
        case MalformedError():
            return "why.malformed"
    return "why.other"


def _code(call: Call) -> float | None:
    """Return the HTTP status of a refusal, or the code that means the same."""
    error = call.error
    if isinstance(error, HttpError):
        return error.status
    return error.code if isinstance(error, EnvelopeError) else None


def _other_scheme(contact: Contact) -> str:
    """Return base_url with https instead of http, or the other way round."""
    base = urlsplit(contact.account.base_url)
    return base._replace(scheme="http" if base.scheme == "https" else "https").geturl()


def _body(call: Call) -> bytes:
    return b"" if call.answer is None else call.answer.body


def _document(call: Call) -> Any:
    """Return the JSON of an answer; None: it is none."""
    try:
        body = _body(call)
        return parse_json(body, len(body))  # however many values it has
    except MalformedError:
        return None


def format_moment(unix: float) -> str:
    """Format a Unix time as UTC, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(unix))
