from __future__ import annotations

import time

import aiohttp
import pytest

from exporter.demo.simulator import Fault, SimulatorOptions
from exporter.demo.simulator.faults import KINDS
from exporter.demo.simulator.server import Request
from tests.support.simulation import HALF_PAST_NINE, Answer, Simulation, read_json, serving


def _request(simulation: Simulation, path: str) -> Request:
    return Request("GET", simulation.user + path, "", {"authorization": f"Bearer {simulation.account.token}"})


FAULTS: dict[str, tuple[Fault, int | str, str, dict[str, str]]] = {
    "status": (Fault(kind="status", status=404), 404, "envelope 404", {}),
    "status from the proxy": (Fault(kind="status", status=502), 502, "html", {"Content-Type": "text/html"}),
    "throttle": (
        Fault(kind="throttle", seconds=3), 429, "envelope 429", {"Retry-After": "3", "X-RateLimit-Remaining": "0"},
    ),
    "throttle until": (
        Fault(kind="throttle", seconds=3, form="imf_date"),
        429, "envelope 429", {"Retry-After": "Mon, 30 Jun 2025 01:30:03 GMT"},
    ),
    "unavailable": (Fault(kind="unavailable", seconds=3), 503, "html", {"Retry-After": "3"}),
    "html": (Fault(kind="html"), 200, "html", {"Content-Type": "text/html"}),
    "envelope": (Fault(kind="envelope", status=500), 200, "envelope 500", {}),
    "truncated": (Fault(kind="truncated"), 200, "no json", {}),
    "not_json": (Fault(kind="not_json"), 200, "no json", {}),
    "unknown_format": (Fault(kind="unknown_format"), 200, "envelope 200", {}),
    "reset": (Fault(kind="reset"), "no answer", "", {}),
    "cut": (Fault(kind="cut"), "no body", "", {}),
    "slow_headers": (Fault(kind="slow_headers", seconds=0.1), 200, "right, late", {}),
    "latency": (Fault(kind="latency", seconds=0.1), 200, "right, late", {}),
    "drip": (Fault(kind="drip", seconds=0.002), 200, "right, late", {}),
    "redirect": (Fault(kind="redirect", location="http://127.0.0.1:1/"), 302, "", {"Location": "http://127.0.0.1:1/"}),
    "too_large": (Fault(kind="too_large"), 200, "large", {}),
    "truncated_gzip": (Fault(kind="truncated_gzip"), 200, "no json", {"Content-Encoding": "gzip"}),
    "expired_token": (Fault(kind="expired_token"), 401, "envelope 401", {}),
    "exhausted": (
        Fault(kind="exhausted", seconds=2), 200, "right", {"X-RateLimit-Remaining": "0", "Retry-After": "2"},
    ),
    "content_type": (Fault(kind="content_type"), 200, "right", {"Content-Type": "text/html; charset=gbk"}),
    "bom": (Fault(kind="bom"), 200, "right, marked", {}),
}  # fmt: skip


def _what(body: bytes, right: bytes) -> str:
    if body in (b"", right, b"\xef\xbb\xbf" + right):
        return {b"": "", right: "right"}.get(body, "right, marked")
    if len(body) > 2**23:
        return "large"
    if body.startswith(b"<html>"):
        return "html"
    return f"envelope {read_json(body)['code']}" if read_json(body) else "no json"


@pytest.mark.parametrize("name", FAULTS)
async def test_every_fault_can_be_seen(simulation: Simulation, name: str) -> None:
    """A struck call is answered as the fault says; when there is no fault any more, all is right again."""
    fault, status, what, headers = FAULTS[name]
    is_short = fault.kind == "drip"  # byte by byte a short document takes long enough

    async def call() -> Answer:
        return await (simulation.get(f"{simulation.user}/message") if is_short else simulation.stat())

    right = (await call()).body
    simulation.simulator.faults.append(fault)
    begin = time.monotonic()
    try:
        answer = await call()
    except aiohttp.ClientPayloadError:
        answer = Answer("no body", {}, b"")  # type: ignore[arg-type]  # what is seen instead of a status
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        answer = Answer("no answer", {}, b"")  # type: ignore[arg-type]  # likewise
    late = ", late" if time.monotonic() - begin >= 0.1 and what.startswith("right") else ""
    assert (answer.status, _what(answer.body, right) + late) == (status, what)
    assert {header: answer.headers.get(header) for header in headers} == headers
    simulation.simulator.faults.clear()
    assert (await call()).body == right


def test_every_kind_of_fault_is_in_the_table() -> None:
    """No fault goes untried."""
    assert {fault.kind for fault, *_ in FAULTS.values()} == {*KINDS}


async def test_faults_strike_only_what_they_are_meant_for() -> None:
    """A fault is narrowed by account, endpoint and task, and over after its count; the first that strikes wins."""
    async with serving(SimulatorOptions(tasks=3, accounts=2, start=HALF_PAST_NINE, php_flavours=False)) as simulation:
        one, two, _ = simulation.account.tasks.values()
        simulator = simulation.simulator

        async def struck(*faults: Fault) -> list[int]:
            simulator.faults[:] = faults
            calls = [simulation.stat(task=one), simulation.stat(task=two), simulation.get(f"{simulation.user}/task")]
            return [(await call).status for call in calls]

        assert await struck(Fault(kind="status")) == [500, 500, 500]
        assert await struck(Fault(kind="status", endpoint="stat")) == [500, 500, 200]
        assert await struck(Fault(kind="status", endpoint="tasks")) == [200, 200, 500]
        assert await struck(Fault(kind="status", task=two.id)) == [200, 500, 200]
        assert await struck(Fault(kind="status", count=2)) == [500, 500, 200]
        assert await struck(Fault(kind="status", count=0)) == [200, 200, 200]
        assert await struck(Fault(kind="status", account=simulator.accounts[1].user_id)) == [200, 200, 200]
        assert await struck(Fault(kind="status", task=one.id, status=403), Fault(kind="status")) == [403, 500, 500]


async def test_latency_adds_to_other_faults_and_to_refusals(simulation: Simulation) -> None:
    """Latencies add up, with their jitter, and whatever is answered comes late: faults and refusals as well."""
    late = [Fault(kind="latency", seconds=0.06), Fault(kind="latency", seconds=0.06, jitter=0.02, count=2)]
    simulation.simulator.faults[:] = [*late, Fault(kind="status", status=503, count=1)]
    for path, status in ((f"{simulation.user}/message", 503), (f"{simulation.user}/task/x/stat", 404)):
        begin = time.monotonic()
        assert (await simulation.get(path)).status == status
        assert time.monotonic() - begin >= 0.12
    delays = [simulation.simulator.answer(_request(simulation, "/message")).delay for _ in range(20)]
    assert delays == [0.06] * 20  # the second is over


async def test_jitter_varies_a_latency_within_its_bounds(simulation: Simulation) -> None:
    """No two delays are alike, none is shorter than the latency, and none longer than latency and jitter."""
    simulator, request = simulation.simulator, _request(simulation, "/message")
    simulator.add_fault(Fault(kind="latency", seconds=1, jitter=0.5))
    delays = [simulator.answer(request).delay for _ in range(50)]
    assert len(set(delays)) == 50
    assert 1 <= min(delays) < 1.1
    assert 1.4 < max(delays) < 1.5
    simulator.clear_faults()
    assert simulator.answer(request).delay == 0


async def test_a_fault_can_be_a_matter_of_luck(simulation: Simulation) -> None:
    """A fault of probability 0.5 strikes about half of the calls, one of 0 none."""
    for probability, bounds in ((0.5, (70, 130)), (0.0, (0, 0))):
        simulation.simulator.faults[:] = [Fault(kind="status", probability=probability)]
        struck = [(await simulation.stat()).status for _ in range(200)].count(500)
        assert bounds[0] <= struck <= bounds[1]
