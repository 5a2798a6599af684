from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from exporter.demo.simulator.campaign import (
    ARREARS,
    BUSY,
    CARRIER_BLOCKED,
    CONNECTED,
    INVALID,
    NO_ANSWER,
    POWERED_OFF,
    REJECTED,
    STATUSES,
    SUSPENDED,
    WAITING,
    Campaign,
    Counts,
    Traits,
)
from exporter.demo.simulator.talks import TAGS

NINE = 1_751_245_200.0  # Monday 2025-06-30 09:00 in China
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
TRAITS = Traits(
    size=3000,
    lines=20,
    answer_share=0.4,
    bad_share=0.1,
    script=0.5,
    windows=((9.0, 12.0), (13.5, 20.0)),
    begin=NINE,
)
ENDLESS = replace(TRAITS, size=1_000_000, windows=((0.0, 24.0),))
SEEDS = ("a", "b", "c")


def _calls(counts: Counts) -> int:
    return counts.answered + counts.unanswered


def _steps(campaign: Campaign, seconds: float, step: float = MINUTE) -> Iterator[float]:
    """Live through a span in steps, and yield the time after each."""
    now = campaign.traits.begin
    while now < campaign.traits.begin + seconds:
        now += step
        campaign.advance(now)
        yield now


def _later(traits: Traits, seconds: float, seed: str = "a") -> Campaign:
    campaign = Campaign(traits, seed)
    campaign.advance(traits.begin + seconds)
    return campaign


@pytest.mark.parametrize("seed", SEEDS)
def test_every_number_has_one_status_at_any_time(seed: str) -> None:
    """The numbers by status add up to the list whatever happens, and none is negative."""
    campaign = Campaign(TRAITS, seed)
    incidents = {3600: "carrier_block", 7200: "bad_list", 9000: ""}
    for now in _steps(campaign, 2 * DAY):
        campaign.incident = incidents.get(int(now - NINE), campaign.incident)
        if now == NINE + DAY:
            campaign.reset()
        assert sum(campaign.numbers) == TRAITS.size
        assert min(campaign.numbers) >= 0
    assert campaign.is_finished


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("longest_step", [7.0, 100.0, 4000.0, 50_000.0])
def test_the_history_depends_on_the_seed_alone(seed: str, longest_step: float) -> None:
    """Asked at random times or once at the end, a campaign has had the same history, spans of time included."""
    end = NINE + 1.4 * DAY
    at_once, in_steps = Campaign(TRAITS, seed), Campaign(TRAITS, seed)
    at_once.advance(end)
    rng, now = random.Random(seed), NINE - DAY
    while now < end:
        now = min(end, now + rng.uniform(0, longest_step))
        in_steps.advance(now)
    assert in_steps.counts == at_once.counts
    assert in_steps.numbers == at_once.numbers
    assert in_steps.progress == at_once.progress
    noon = NINE + 3 * HOUR
    assert in_steps.between(NINE, noon) == at_once.between(NINE, noon)


def test_another_seed_is_another_history() -> None:
    """Two campaigns alike but for the seed do not go the same way."""
    assert _later(TRAITS, HOUR, "a").counts != _later(TRAITS, HOUR, "b").counts


@pytest.mark.parametrize("seed", SEEDS)
def test_only_redialled_statuses_ever_fall(seed: str) -> None:
    """Numbers leave the statuses that are dialled again, and no other."""
    campaign = Campaign(TRAITS, seed)
    fallen, before = set(), list(campaign.numbers)
    for _ in _steps(campaign, DAY):
        fallen |= {status for status in range(STATUSES) if campaign.numbers[status] < before[status]}
        before = list(campaign.numbers)
    assert fallen == {WAITING, REJECTED, NO_ANSWER, POWERED_OFF, BUSY}


@pytest.mark.parametrize("answer_share", [0.0, 0.4, 0.9])
def test_a_number_is_dialled_once_at_least_and_three_times_at_most(answer_share: float) -> None:
    """A list that is worked off took between one and three calls a number, more of them where fewer answer."""
    campaign = _later(replace(TRAITS, answer_share=answer_share), 9 * DAY)
    assert campaign.is_finished
    assert TRAITS.size < _calls(campaign.counts) <= 3 * TRAITS.size
    easy = _later(replace(TRAITS, answer_share=0.9), 9 * DAY)
    assert answer_share == 0.9 or _calls(campaign.counts) > _calls(easy.counts)


def test_a_list_of_refusals_takes_three_rounds_of_calls() -> None:
    """A number that is redialled twice in vain stays where it is: the bound of three is reached, never passed."""
    size = 1000
    traits = replace(TRAITS, size=size, answer_share=0.0, bad_share=0.0)
    made = _later(traits, 9 * DAY).counts
    assert 2.5 * size < _calls(made) <= 3 * size
    assert made.results[ARREARS] == 0


@pytest.mark.parametrize(
    ("quiet_from", "quiet_until"), [(12.0, 13.5), (20.0, 33.0), (36.0, 37.5)], ids=["lunch", "night", "next lunch"]
)
def test_nothing_happens_outside_the_dial_windows(quiet_from: float, quiet_until: float) -> None:
    """Not a single call is made, and no number moves, at lunch and at night; then work goes on."""
    midnight = NINE - 9 * HOUR
    campaign = Campaign(replace(TRAITS, size=100_000), "a")
    campaign.advance(midnight + quiet_from * HOUR - MINUTE)
    working = _calls(campaign.counts)
    assert campaign.is_dialling(midnight + quiet_from * HOUR - 1)
    campaign.advance(midnight + quiet_from * HOUR)
    at_rest, numbers = _calls(campaign.counts), list(campaign.numbers)
    assert at_rest > working
    campaign.advance(midnight + quiet_until * HOUR)
    assert (_calls(campaign.counts), campaign.numbers) == (at_rest, numbers)
    assert not campaign.is_dialling(midnight + quiet_from * HOUR)
    assert not campaign.is_dialling(midnight + quiet_until * HOUR - 1)
    campaign.advance(midnight + quiet_until * HOUR + MINUTE)
    assert _calls(campaign.counts) > at_rest


@pytest.mark.parametrize("seed", SEEDS)
def test_a_campaign_progresses_to_its_end_and_then_stands_still(seed: str) -> None:
    """Progress never falls, reaches exactly 1 when no number is pending, and nothing happens after that."""
    campaign, before = Campaign(TRAITS, seed), 0.0
    for _ in _steps(campaign, DAY, 10 * MINUTE):
        assert before <= campaign.progress <= 1
        assert campaign.is_finished == (campaign.progress == 1)
        before = campaign.progress
    assert campaign.is_finished
    assert before == 1
    assert campaign.numbers[WAITING] == 0
    counts, numbers = _calls(campaign.counts), list(campaign.numbers)
    campaign.advance(NINE + 30 * DAY + HOUR)
    assert (_calls(campaign.counts), campaign.numbers) == (counts, numbers)
    assert not campaign.is_dialling(NINE + 30 * DAY + HOUR)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_answered_call_has_one_grade_and_one_length(seed: str) -> None:
    """Answered calls, connected results, grades and rounds are the same calls; so are the unanswered and the rest."""
    campaign = Campaign(TRAITS, seed)
    for now in _steps(campaign, DAY, 17 * MINUTE):
        for counts in (campaign.counts, campaign.lifetime, campaign.between(now - HOUR, now)):
            assert counts.answered == counts.results[CONNECTED] == sum(counts.grades) == sum(counts.rounds)
            assert counts.unanswered == sum(counts.results) - counts.results[CONNECTED]
    assert campaign.counts.answered > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_tags_are_of_the_calls_that_they_fit(seed: str) -> None:
    """No tag is given more often than there were calls of the grades it belongs to, and each is given to some."""
    counts = _later(ENDLESS, DAY, seed).counts
    assert counts.tags.keys() == {tag for tags in TAGS for tag in tags}
    for tag, count in counts.tags.items():
        fitting = sum(total for total, tags in zip(counts.grades, TAGS, strict=True) if tag in tags)
        assert 0.3 * fitting < count < 0.5 * fitting


def test_a_better_script_wins_more_people_and_holds_them_longer() -> None:
    """Intentions and rounds belong together: where more are interested, fewer hang up after a word."""
    poor, good = (_later(replace(ENDLESS, script=script), DAY).counts for script in (0.0, 1.0))
    grades = [[count / counts.answered for count in counts.grades] for counts in (poor, good)]
    rounds = [[count / counts.answered for count in counts.rounds] for counts in (poor, good)]
    assert grades[0][0] == pytest.approx(0.05, abs=0.02)
    assert grades[1][0] == pytest.approx(0.2, abs=0.02)
    assert grades[1][2] < grades[0][2]
    assert rounds[1][0] < rounds[0][0] - 0.1
    assert sum(rounds[1][2:]) > sum(rounds[0][2:]) + 0.1


INCIDENTS = {
    "": (0.42, {CARRIER_BLOCKED: 0.02, INVALID: 0.036}),
    "carrier_block": (0.08, {CARRIER_BLOCKED: 0.7, INVALID: 0.015}),
    "bad_list": (0.21, {INVALID: 0.40, SUSPENDED: 0.13}),
}


@pytest.mark.parametrize("incident", INCIDENTS)
def test_an_incident_shows_while_it_lasts(incident: str) -> None:
    """A carrier's block leaves 8 % of calls connected, a bad list half; the results say why; then it is over."""
    connected, shares = INCIDENTS[incident]
    traits = replace(ENDLESS, begin=NINE + 3 * HOUR)
    campaign = _later(traits, HOUR)
    campaign.incident = incident
    campaign.advance(traits.begin + 3 * HOUR)
    during = campaign.between(traits.begin + HOUR, traits.begin + 3 * HOUR)
    assert during.answered / _calls(during) == pytest.approx(connected, rel=0.15)
    for status, share in shares.items():
        assert during.results[status] / _calls(during) == pytest.approx(share, rel=0.35)
    campaign.incident = ""
    campaign.advance(traits.begin + 5 * HOUR)
    after = campaign.between(traits.begin + 3 * HOUR, traits.begin + 5 * HOUR)
    assert after.answered / _calls(after) == pytest.approx(0.42, rel=0.15)


@pytest.mark.parametrize("seed", SEEDS)
def test_spans_that_meet_add_up_to_the_whole(seed: str) -> None:
    """Five-minute spans that share their ends count each call once, and together all that there were."""
    campaign = _later(TRAITS, DAY, seed)
    total = Counts()
    for index in range(24 * 12):
        total += campaign.between(NINE + index * 300, NINE + (index + 1) * 300)
    assert total == campaign.between(NINE, NINE + DAY) == campaign.lifetime


def test_history_reaches_back_two_days() -> None:
    """What is longer ago can no longer be asked for, and takes no memory; the whole life is still known."""
    campaign = _later(ENDLESS, 5 * DAY)
    now = NINE + 5 * DAY
    assert _calls(campaign.between(NINE, now - 2 * DAY - HOUR)) == 0
    assert _calls(campaign.between(now - 2 * DAY, now)) == pytest.approx(_calls(campaign.lifetime) * 2 / 5, rel=0.01)
    assert campaign._history is not None
    assert len(campaign._history) <= 2 * 24 * 12 + 1


def test_history_can_be_left_out() -> None:
    """Without history a campaign is the same, and spans are empty."""
    without = Campaign(TRAITS, "a", keeps_history=False)
    without.advance(NINE + HOUR)
    assert without.counts == _later(TRAITS, HOUR).counts
    assert without.between(NINE, NINE + HOUR) == Counts()


def test_reset_starts_again_while_the_lifetime_goes_on() -> None:
    """After a reset the platform's counts start from nothing; what really happened is not forgotten."""
    campaign = _later(TRAITS, HOUR)
    before = _calls(campaign.lifetime)
    assert before == _calls(campaign.counts) > 0
    campaign.reset()
    assert campaign.counts == Counts()
    assert campaign.numbers == [TRAITS.size] + [0] * (STATUSES - 1)
    assert campaign.progress == 0
    campaign.advance(NINE + 2 * HOUR)
    assert _calls(campaign.lifetime) == before + _calls(campaign.counts)
    assert _calls(campaign.counts) > 0


def test_a_finished_campaign_can_be_reset() -> None:
    """A reset list is dialled from the moment of the reset on, not from the time it was finished."""
    campaign = _later(TRAITS, 9 * DAY)
    finished = _calls(campaign.lifetime)
    campaign.reset()
    campaign.advance(NINE + 9 * DAY + MINUTE)
    assert 0 < _calls(campaign.counts) < 50
    assert _calls(campaign.lifetime) == finished + _calls(campaign.counts)


def test_a_paused_campaign_waits() -> None:
    """Nothing is dialled between pause and resumption, and nothing of it is made up for afterwards."""
    campaign = _later(ENDLESS, HOUR)
    campaign.pause(NINE + HOUR, paused=True)
    paused = _calls(campaign.counts)
    assert not campaign.is_dialling(NINE + HOUR)
    campaign.advance(NINE + 5 * HOUR)
    assert _calls(campaign.counts) == paused
    campaign.pause(NINE + 6 * HOUR, paused=False)
    assert _calls(campaign.counts) == paused
    campaign.advance(NINE + 6 * HOUR + MINUTE)
    assert paused < _calls(campaign.counts) < paused + 50


@pytest.mark.parametrize("seed", range(20))
def test_campaigns_made_up_are_believable(seed: int) -> None:
    """A campaign that is drawn was begun before the start, and its parts are within their ranges."""
    traits = Traits.draw(random.Random(seed), NINE, 1.0)
    assert NINE - 18 * HOUR < traits.begin <= NINE
    assert 40 <= traits.size <= 31_622
    assert 0.25 <= traits.answer_share <= 0.5
    assert all(8 < begin < end <= 21 for begin, end in traits.windows)
    assert Traits.draw(random.Random(seed), NINE, 1e-9).size == 40


def test_a_reset_task_has_no_calls_from_before_in_any_span() -> None:
    """The platform forgets: after a reset the spans add up to the new whole, not to the old."""
    campaign = _later(TRAITS, HOUR)
    campaign.reset()
    campaign.advance(NINE + 2 * HOUR)
    assert campaign.between(NINE, NINE + 2 * HOUR) == campaign.counts != campaign.lifetime


def test_fewer_answer_late_in_the_day() -> None:
    """The answer rate has an hour of its own: at three in the afternoon more people answer than before midnight."""
    campaign = _later(ENDLESS, DAY)
    shares = {}
    for hour in (14, 22):
        made = campaign.between(NINE + (hour - 9) * HOUR, NINE + (hour - 7) * HOUR)
        shares[hour] = made.answered / _calls(made)
    assert shares[14] > shares[22] + 0.03
