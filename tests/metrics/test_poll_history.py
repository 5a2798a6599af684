"""The last polls of a task, packed."""

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.errors import REASONS
from exporter.metrics.poll_history import KEPT, Poll, add_poll, failing_since, read_polls, shifted


@pytest.mark.parametrize("reason", ["", *REASONS, "http_400", "http_429", "http_499", "http_1xx", "http_3xx"])
def test_a_poll_is_recalled_as_it_was(reason: str) -> None:
    """Time to the second, duration and reason come back, whatever reason the client can give."""
    (poll,) = read_polls(add_poll(b"", Poll(1_751_000_000.9, 0.25, reason)))
    assert poll == Poll(1_751_000_000, 0.25, reason)


ANY_REASON = st.text(max_size=20) | st.from_regex(r"http_\d{1,4}", fullmatch=True)
POLLS = st.lists(st.builds(Poll, st.floats(0, 2**32 - 1), st.floats(0, 1e6, width=32), ANY_REASON))


@given(POLLS)
def test_only_the_last_polls_are_kept(polls: list[Poll]) -> None:
    """However many there are, the last 20 stay, in their order, in 10 bytes each; an unknown reason is ``other``."""
    packed = b""
    for poll in polls:
        packed = add_poll(packed, poll)
    recalled = list(read_polls(packed))
    assert len(packed) == 10 * min(len(polls), KEPT)
    for seen, given_ in zip(recalled, polls[-KEPT:], strict=True):
        assert (seen.at, seen.seconds) == (int(given_.at), given_.seconds)
        assert seen.reason in (given_.reason, "other")


@given(POLLS)
def test_polls_are_as_long_ago_after_a_shift_of_the_clock(polls: list[Poll]) -> None:
    """All are later by the seconds, whole ones, and the rest of them stays; none gets before 1970 or after 2106."""
    packed = b""
    for poll in polls:
        packed = add_poll(packed, poll._replace(at=poll.at / 2))
    before, after = list(read_polls(packed)), list(read_polls(shifted(packed, 3600.2)))
    assert after == [poll._replace(at=poll.at + 3600) for poll in before]
    assert [poll.at for poll in read_polls(shifted(packed, -3e9))] == [0] * len(before)
    assert [poll.at for poll in read_polls(shifted(packed, 1e10))] == [2**32 - 1] * len(before)


@given(st.lists(st.sampled_from(["", "timeout", "http_418", "nonsense"]), max_size=30))
def test_the_failed_polls_since_the_last_good_one_are_counted(reasons: list[str]) -> None:
    """How many there are and when the first of them ended, as far back as polls are kept; after a good one, none."""
    packed = b""
    run: list[int] = []
    for at, reason in enumerate(reasons, 1):
        packed = add_poll(packed, Poll(at, 0.5, reason))
        run = [*run, at][-KEPT:] if reason else []
    assert failing_since(packed) == (len(run), run[0] if run else 0.0)


def test_ten_thousand_tasks_remember_in_three_megabytes() -> None:
    """What is remembered of a task's polls is a bytes object of some 230 bytes."""
    packed = b""
    for _ in range(100):
        packed = add_poll(packed, Poll(time.time(), 1.0, "timeout"))
    assert sys.getsizeof(packed) * 10_000 < 3 * 2**20
