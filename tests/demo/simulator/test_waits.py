from __future__ import annotations

import pytest

from exporter.demo.simulator import Fault, SimulatorOptions
from exporter.demo.simulator.waits import FORMS
from tests.support.simulated import HALF_PAST_NINE, Called

SAID = {
    "seconds": {"Retry-After": "90"},
    "imf_date": {"Retry-After": "Mon, 30 Jun 2025 01:31:30 GMT"},
    "rfc850_date": {"Retry-After": "Monday, 30-Jun-25 01:31:30 GMT"},
    "asctime_date": {"Retry-After": "Mon Jun 30 01:31:30 2025"},
    "unix_time": {"X-RateLimit-Reset": "1751247090"},
    "seconds_to_go": {"X-RateLimit-Reset": "90"},
    "milliseconds": {"X-RateLimit-Reset": "1751247090000"},
    "nothing": {},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("kind", "status"), [("throttle", 429), ("unavailable", 503), ("exhausted", 200)])
def test_a_wait_is_said_in_every_form(kind: str, status: int, form: str) -> None:
    """A 429, a 503 and the last good answer say in the form that is asked for when to come back."""
    platform = Called(SimulatorOptions(tasks=1, start=HALF_PAST_NINE))
    platform.simulator.add_fault(Fault(kind=kind, seconds=90, form=form))
    answer = platform.get("/agent-api/user/USER/task")
    headers = {name: value for name, value in answer.headers if name != "X-RateLimit-Remaining"}
    assert (answer.status, headers) == (status, SAID[form])


def test_one_route_can_be_throttled_alone() -> None:
    """A fault of one endpoint leaves the others as they are."""
    platform = Called(SimulatorOptions(tasks=1, start=HALF_PAST_NINE))
    platform.simulator.add_fault(Fault(kind="throttle", endpoint="new_tasks"))
    assert platform.statuses(1, "/agent-api/new/user/USER/task") == [429]
    assert platform.statuses(1, "/agent-api/user/USER/task") == [200]
