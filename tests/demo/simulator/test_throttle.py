from __future__ import annotations

import json

import pytest

from exporter.demo.simulator import SimulatorOptions
from exporter.demo.simulator.server import Request
from tests.support.simulated import HALF_PAST_NINE, Called

LIST = "/agent-api/user/USER/task"


def called(**options: bool | float) -> Called:
    """Return a simulator of one task, with these options."""
    return Called(SimulatorOptions(tasks=1, start=HALF_PAST_NINE, speed=1, **options))  # type: ignore[arg-type]


def test_without_a_quota_every_call_is_answered() -> None:
    """By default nothing is throttled, and no header speaks of a quota."""
    platform = called()
    assert set(platform.statuses(500)) == {200}
    assert not platform.get(LIST).headers


def test_a_window_begins_with_its_first_call() -> None:
    """A minute after the first call, and no sooner, all calls are there again, however late the last ones were made."""
    platform = called(quota=3)
    platform.clock += 17
    assert platform.statuses(1) == [200]
    platform.clock += 59
    assert platform.statuses(3) == [200, 200, 429]
    platform.clock += 0.5
    assert platform.statuses(1) == [429]
    platform.clock += 0.5
    assert platform.statuses(4) == [200, 200, 200, 429]


def test_good_answers_say_what_is_left() -> None:
    """Limit and remaining calls are on every good answer, the last one too, and on a refusal for another reason."""
    platform = called(quota=3)
    paths = (LIST, "/agent-api/token", "/agent-api/user/USER/task/x/stat")
    answers = [platform.get(path) for path in paths]
    assert [answer.status for answer in answers] == [200, 200, 404]
    assert [answer.headers for answer in answers] == [
        (("X-RateLimit-Limit", "3"), ("X-RateLimit-Remaining", left)) for left in "210"
    ]


def test_a_refused_call_says_when_to_come_back() -> None:
    """A 429 has the seconds to wait, the Unix time at which the window ends, and no call left."""
    platform = called(quota=1)
    platform.get(LIST)
    platform.clock += 20.5
    answer = platform.get(LIST)
    assert (answer.status, json.loads(answer.body)["code"]) == (429, 429)
    assert dict(answer.headers) == {
        "X-RateLimit-Limit": "1",
        "X-RateLimit-Remaining": "0",
        "Retry-After": "40",
        "X-RateLimit-Reset": f"{HALF_PAST_NINE + 60:.0f}",
    }


def test_retry_after_can_be_too_short_by_less_than_a_second() -> None:
    """Laravel writes whole seconds: the end of a window that begins at half a second is rounded down."""
    platform = called(quota=1)
    platform.clock += 0.5
    assert platform.statuses(1) == [200]
    platform.clock += 30
    wait = int(dict(platform.get(LIST).headers)["Retry-After"])
    platform.clock += wait - 0.25
    assert platform.statuses(1) == [429]
    platform.clock += 0.25
    assert platform.statuses(1) == [200]


def test_refused_calls_are_not_counted() -> None:
    """However many calls are refused, the window ends when it was to end, and the next one is whole."""
    platform = called(quota=2)
    platform.statuses(2)
    platform.clock += 59
    assert set(platform.statuses(100)) == {429}
    assert platform.simulator.calls["throttled"] == 100
    platform.clock += 1
    assert platform.statuses(3) == [200, 200, 429]


def test_all_endpoints_spend_of_one_quota() -> None:
    """Lists, statistics and the token's check count together."""
    platform = called(quota=3)
    task = next(iter(platform.simulator.accounts[0].tasks))
    paths = (LIST, "/agent-api/new/user/USER/task", f"/agent-api/user/USER/task/{task}/stat", "/agent-api/token")
    assert [platform.get(path).status for path in paths] == [200, 200, 200, 429]


@pytest.mark.parametrize(("shared", "statuses"), [(True, [200, 429]), (False, [200, 200])])
def test_the_quota_is_the_tokens(shared: bool, statuses: list[int]) -> None:  # noqa: FBT001  # a row's value
    """Accounts of one token share its quota, each reading its own tasks; accounts of two tokens do not."""
    platform = called(accounts=2, quota=2, shared_token=shared)
    one, two = platform.simulator.accounts
    assert (one.token == two.token) == shared
    assert platform.statuses(1) == [200]
    assert platform.statuses(2, account=1) == statuses


def test_an_unknown_token_spends_nothing() -> None:
    """Calls that are answered 401 have no quota, and take none."""
    platform = called(quota=1)
    path = LIST.replace("USER", platform.simulator.accounts[0].user_id)
    answers = [platform.simulator.answer(Request("GET", path, "", {"authorization": "Bearer x"})) for _ in range(3)]
    assert {(answer.status, answer.headers) for answer in answers} == {(401, ())}
    assert platform.statuses(1) == [200]


def test_a_deployment_can_show_no_headers() -> None:
    """Without the headers the quota is kept all the same, and neither good answers nor 429s speak of it."""
    platform = called(quota=1, quota_headers=False)
    answers = [platform.get(LIST), platform.get(LIST)]
    assert [(answer.status, answer.headers) for answer in answers] == [(200, ()), (429, ())]


def test_a_window_can_have_another_length() -> None:
    """The quota is for as many seconds as it is made for, of the callers' clock, whatever the simulated speed."""
    platform = called(quota=1, quota_seconds=3)
    platform.simulator.set_speed(20)
    platform.statuses(1)
    platform.clock += 2.9
    assert platform.statuses(1) == [429]
    platform.clock += 0.1
    assert platform.statuses(1) == [200]


def test_other_programs_spend_of_the_same_quota() -> None:
    """Their calls are missing from what is left to us, although nobody asked for them meanwhile."""
    platform = called(quota=60, others=30, others_burst=10)
    assert dict(platform.get(LIST).headers)["X-RateLimit-Remaining"] == "49"  # a burst of theirs was first
    platform.clock += 45
    assert dict(platform.get(LIST).headers)["X-RateLimit-Remaining"] == "28"


def test_other_programs_are_refused_what_we_have_spent() -> None:
    """They count their own 429s, go on undeterred, and are well again in the next window."""
    platform = called(quota=60, others=30, others_burst=10)
    platform.statuses(45)
    platform.clock += 59
    others = platform.simulator.others
    assert (others.calls, others.throttled) == (30, 15)
    platform.clock += 60
    others = platform.simulator.others
    assert (others.calls, others.throttled) == (60, 15)


def test_other_programs_make_their_calls_when_they_are_due() -> None:
    """Bursts come at equal distances, so that the same calls at the same times always meet the same answers."""
    histories = []
    for steps in (1, 8, 600):
        platform = called(quota=20, others=30, others_burst=10)
        seen = []
        for _ in range(steps):
            platform.clock += 600 / steps
            seen.append(platform.simulator.others.calls)
        histories.append((seen[-1], platform.simulator.others.throttled))
    assert histories == [(310, 100)] * 3


def test_other_programs_spend_of_the_first_accounts_token() -> None:
    """An account with a token of its own does not feel them."""
    platform = called(accounts=2, quota=10, others=10)
    assert platform.statuses(1) == [429]
    assert platform.statuses(1, account=1) == [200]


def test_the_control_path_shows_the_quota_and_the_others() -> None:
    """Tests in another process read there what the other programs suffered."""
    platform = called(quota=5, others=10, others_burst=10)
    assert platform.read("/_control/quota") == {
        "limit": 5,
        "seconds": 60.0,
        "others": {"calls": 10, "throttled": 5},
    }
