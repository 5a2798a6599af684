"""The judgement whether the platform serves an account."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.api.errors import ApiError, ApiTimeout, EnvelopeError, HttpError, NotFound, Throttled, Unauthorized
from exporter.api.service import ENOUGH, MANY_CALLS, Service

SLOW, BROKEN = ApiTimeout("slow"), HttpError(502, "broken")
REFUSED = Unauthorized(401, "no")


def service(resources: int) -> Service:
    """Return the judgement of an account that asks for a number of resources."""
    made = Service()
    made.resources = resources
    return made


@pytest.mark.parametrize(("resources", "needed"), [(1, 1), (2, 2), (3, 3), (10, ENOUGH), (1000, ENOUGH)])
@pytest.mark.parametrize("error", [SLOW, BROKEN], ids=repr)
def test_several_failures_without_an_answer_are_the_accounts(error: ApiError, resources: int, needed: int) -> None:
    """Three different resources have to fail, or all where there are fewer; the first answer brings the account back."""
    account = service(resources)
    for number in range(needed):
        assert account.is_up is None
        account.record(f"{number}", error)
    assert not account.is_up
    account.record("0", None)
    assert account.is_up


@pytest.mark.parametrize("answer", [None, NotFound(404, "none"), EnvelopeError(422, "no")], ids=repr)
def test_a_resource_that_fails_among_answers_fails_alone(answer: ApiError | None) -> None:
    """However often it is tried, and by whatever it fails, the account is up; what the platform says of a task is an answer."""
    account = service(4)
    account.record("good", None)
    for turn in range(40):
        account.record("slow", (SLOW, BROKEN)[turn % 2])
        account.record("refused", REFUSED)
        assert not account.record_refusal("refused")
        if turn % 2:
            account.record("good", answer)
        assert account.is_up


Refuse = Callable[[], ApiError]
DENIALS: dict[str, Refuse] = {
    "code 402": lambda: EnvelopeError(402, "no"),
    "402": lambda: HttpError(402, "no"),
    "403": lambda: HttpError(403, "no"),
}


@pytest.mark.parametrize("refuse", DENIALS.values(), ids=DENIALS)
@pytest.mark.parametrize(("resources", "needed"), [(2, 2), (3, 3), (30, ENOUGH)])
def test_a_refusal_of_all_is_the_accounts(refuse: Refuse, resources: int, needed: int) -> None:
    """The same refusal of several resources in a row is not each one's, and nothing is held; the first answer ends it."""
    account, seen = service(resources), []
    for number in range(needed + 1):
        refusal = refuse()
        account.record(f"{number % resources}", refusal)
        seen.append((account.is_up, refusal.is_tasks_own, refusal.holds))
    assert seen == [(True, True, False)] * (needed - 1) + [(False, False, False)] * 2
    account.record("0", NotFound(404, "none"))
    assert not account.is_up
    account.record("0", None)
    assert account.is_up


def test_a_single_resource_that_is_refused_is_not_the_account() -> None:
    """With nothing to compare it with, a refusal is about what was asked for, however often it comes."""
    account = service(1)
    for _ in range(2 * MANY_CALLS):
        account.record("a", refusal := EnvelopeError(422, "no"))
        assert (account.is_up, refusal.is_tasks_own) == (True, True)


def test_tasks_that_are_missing_are_the_account_only_if_all_are() -> None:
    """Some deleted tasks in a row are no failure of the account; if every task and list is missing, it is."""
    account, seen = service(5), []
    for number in range(5):
        account.record(f"{number}", NotFound(404, "none"))
        seen.append(account.is_up)
    assert seen == [True] * 4 + [False]


@pytest.mark.parametrize("refuse", DENIALS.values(), ids=DENIALS)
def test_a_few_that_are_always_refused_in_a_row_are_the_account_once_at_most(refuse: Refuse) -> None:
    """An answer shows that they are refused alone; so the account does not go down and up round after round."""
    account, seen = service(10), []
    for number in [*range(10)] * 5:
        account.record(f"{number}", refuse() if number < ENOUGH else None)
        seen.append(account.is_up)
    assert seen.count(False) == 1
    for number in range(10):  # what is the account's is seen nevertheless
        account.record(f"{number}", refuse())
    assert not account.is_up


def test_failures_of_the_account_are_seen_beside_those_of_a_resource() -> None:
    """One that fails alone is no witness: with it, as many others have to fail as without it."""
    account = service(10)
    seen = []
    for resource, error in (("bad", SLOW), ("a", None), ("bad", SLOW), ("a", SLOW), ("b", SLOW), ("c", SLOW)):
        account.record(resource, error)
        seen.append(account.is_up)
    assert seen == [None, True, True, True, True, False]
    account = service(2)
    for resource, error in (("bad", SLOW), ("a", None), ("bad", SLOW), ("a", SLOW)):
        account.record(resource, error)
    assert not account.is_up


def test_what_fails_in_an_outage_does_not_fail_alone_afterwards() -> None:
    """After an outage of all, the next one needs as many failures as the first."""
    account = service(10)
    for number in range(10):
        account.record(f"{number}", SLOW)
    account.record("0", None)
    account.record("0", SLOW)
    account.record("1", SLOW)
    assert account.is_up
    account.record("2", SLOW)
    assert not account.is_up


def test_resources_that_are_asked_for_no_longer_are_no_excuse() -> None:
    """If all that is left is what failed alone, its failure is the account's."""
    account = service(3)
    for resource, error in (("a", SLOW), ("b", SLOW), ("c", None)):
        account.record(resource, error)
    account.resources = 1
    account.record("a", SLOW)
    assert not account.is_up


def test_many_calls_for_one_resource_are_the_accounts_where_nothing_else_is_tried() -> None:
    """Without a connection only the first list is tried, round after round; before any answer, one round is enough."""
    for answered, calls in ((True, MANY_CALLS), (False, ENOUGH)):
        account, seen = service(4), []
        if answered:
            account.record("other", None)
        for _ in range(calls):
            account.record("list", SLOW)
            seen.append(account.is_up)
        assert seen == [True if answered else None] * (calls - 1) + [False]


@pytest.mark.parametrize("error", [Throttled(429, "wait", 30), EnvelopeError(429, "wait")], ids=repr)
def test_what_holds_all_calls_back_is_the_accounts_at_once(error: ApiError) -> None:
    """After it there may be no other call for an hour, so there is nothing to wait for."""
    account = service(10)
    account.record("a", None)
    account.record("a", error)
    assert not account.is_up


def test_a_token_is_refused_when_several_resources_say_so() -> None:
    """Refusals alone decide about the token, whatever else fails between them; another token has not been refused."""
    account = service(10)
    account.record("y", None)
    assert not account.record_refusal("a")
    account.record("x", SLOW)
    assert not account.record_refusal("b")
    assert not account.record_refusal("b")
    assert account.record_refusal("c")
    assert account.record_refusal("c")
    account.forget_refusals()
    assert not account.record_refusal("c")
