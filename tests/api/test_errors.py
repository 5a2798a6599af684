"""The tree of failures."""

from __future__ import annotations

import inspect
from typing import Any, cast

import pytest

from exporter.api import errors
from exporter.api.errors import (
    ApiError,
    ApiTimeout,
    EnvelopeError,
    Failure,
    HttpError,
    NotFound,
    Throttled,
)


def test_the_tree_in_the_docstring_is_complete() -> None:
    """Every class of the tree stands in the module's drawing, below its parent and with its reason."""
    drawing: dict[str, tuple[int, str]] = {}
    for line in (errors.__doc__ or "").splitlines():
        words = line.replace("│", " ").replace("├──", "   ").replace("└──", "   ").split()
        if words and words[0] in vars(errors):
            drawing[words[0]] = line.index(words[0]), words[1] if len(words) > 1 else ""
    classes = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, ApiError)]
    assert set(drawing) == {kind.__name__ for kind in classes}
    reasons = {"Unauthorized": "http_401", "Forbidden": "http_403", "NotFound": "http_404"}
    for kind in classes:
        depth, reason = drawing[kind.__name__]
        assert depth == 4 * (len(kind.__mro__) - len(ApiError.__mro__))
        if kind not in {ApiError, HttpError}:
            assert reason == reasons.get(kind.__name__) or reason == _make(kind).reason
    assert drawing["HttpError"][1] == "http_NNN"


def _make(kind: type[ApiError]) -> ApiError:
    made: Any = kind
    if kind is Throttled:
        return Throttled(429, "", 1)
    return cast(ApiError, made(None, "") if kind is EnvelopeError else made(""))


@pytest.mark.parametrize(
    ("error", "text", "missing"),
    [
        (
            ApiTimeout("no complete answer within 10 s (poll.timeout)"),
            "timeout: no complete answer within 10 s (poll.timeout)",
            False,
        ),
        (NotFound(404, "the platform answered HTTP 404"), "http_404: the platform answered HTTP 404", True),
        (EnvelopeError(404, "code 404: gone"), "api_error: code 404: gone", True),
        (HttpError(502, ""), "http_5xx: ", False),
        (EnvelopeError(500, "code 500", "余额不足"), "api_error: code 500; the platform says: 余额不足", False),
    ],
    ids=repr,
)
def test_a_failure_is_the_value_of_an_error(error: ApiError, text: str, *, missing: bool) -> None:
    """A failure has the error's reason, text, the platform's message and whether the task is missing; shown, it begins with its reason."""
    failure = error.failure
    assert failure == Failure(error.reason, error.text, missing, error.said)
    assert str(failure) == f"{error.reason}: {error}" == text
    assert failure.summary == f"{error.reason}: {error.text}"
