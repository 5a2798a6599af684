from __future__ import annotations

import json
import re
from typing import Any

import pytest

from exporter.demo.simulator import SimulatorOptions, incident, truth
from tests.support.simulation import HALF_PAST_NINE, HOUR, Simulation, serving
from tests.support.tools import DATA, documented


def differences(sample: Any, got: Any, where: str = "") -> list[str]:
    """Compare structure: the same keys everywhere, and values of the same kind."""
    if isinstance(sample, dict) and isinstance(got, dict):
        found = [f"{where}: keys {sample.keys() ^ got.keys()}"] if sample.keys() != got.keys() else []
        return found + [line for key in sample.keys() & got.keys() for line in differences(sample[key], got[key], key)]
    if isinstance(sample, list) and isinstance(got, list):
        return [line for value in got if sample for line in differences(sample[0], value, f"{where}[]")]
    kinds = [int | float if type(value) in (int, float) else type(value) for value in (sample, got)]
    return [] if kinds[0] == kinds[1] else [f"{where}: {got!r} for {sample!r}"]


async def test_statistics_have_the_documented_shape(simulation: Simulation) -> None:
    """Every part of the documented response is there, in the same kinds, with the platform's words."""
    answer = await simulation.stat()
    sample = json.loads((DATA / "stat.json").read_text(encoding="utf-8"))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert differences(sample, answer.document) == []
    assert {key: answer.document[key] for key in ("code", "status", "message")} == {
        key: sample[key] for key in ("code", "status", "message")
    }
    for part, names in (("number_status", ("status", "status_str")), ("intention", ("intention_results", "name"))):
        ours, theirs = (
            [[entry[name] for name in names] for entry in data[part]] for data in (answer.data, documented())
        )
        assert ours == theirs
    assert list(answer.data["rounds"]) == list(documented()["rounds"])
    known = {entry["llm_intention_tag"]["name"]: entry["llm_intention_tag"] for entry in documented()["llm_tags"]}
    for entry in answer.data["llm_tags"]:
        tag = entry["llm_intention_tag"]
        same = ("id", "md5")
        assert tag["name"] not in known or [tag[key] for key in same] == [known[tag["name"]][key] for key in same]


async def test_statistics_tell_the_truth(simulation: Simulation) -> None:
    """The document's numbers are the campaign's, its percentages follow from them, and its parts fit together."""
    simulation.simulator.advance(HOUR)
    reported, true = (await simulation.stat()).data, truth(simulation.simulator, simulation.first.id)
    rate = reported["answer_rate"]
    assert (rate["answered"], rate["noAnswer"]) == (true["answered"], true["unanswered"])
    calls = true["answered"] + true["unanswered"]
    assert rate["callCompletetRate"] == pytest.approx(100 * true["answered"] / calls, abs=0.01)
    assert rate["taskProgress"] == pytest.approx(100 * true["progress"], abs=0.01)
    assert [entry["count"] for entry in reported["number_status"]] == true["numbers"]
    assert sum(true["numbers"]) == simulation.first.campaign.traits.size
    assert (
        sum(entry["total"] for entry in reported["intention"]) == rate["answered"] == sum(reported["rounds"].values())
    )
    assert sum(entry["percent"] for entry in reported["intention"]) == pytest.approx(100, abs=0.05)
    assert 0 < max(entry["count"] for entry in reported["llm_tags"]) < rate["answered"]


async def test_lists_have_the_documented_shape(simulation: Simulation) -> None:
    """A page of 2.0 tasks looks like the documented one; a 1.0 task has no new_task_extra."""
    sample = json.loads((DATA / "task_list.json").read_text(encoding="utf-8"))
    new = await simulation.get(f"{simulation.new_user}/task")
    assert differences(sample, new.document) == []
    assert len(new.data) == 15  # Laravel's page
    old = await simulation.get(f"{simulation.user}/task")
    for entry in sample["data"]:
        del entry["new_task_extra"]
    assert differences(sample, old.document) == []


async def test_php_flavours_can_be_had_or_not() -> None:
    """With flavours numbers and flags are written in several ways and some names are odd; without there is one way."""
    reported = {}
    for flavours in (True, False):
        async with serving(SimulatorOptions(tasks=30, php_flavours=flavours, start=HALF_PAST_NINE)) as simulation:
            simulation.simulator.advance(HOUR)
            stats = [(await simulation.stat(task=task)).data for task in simulation.account.tasks.values()]
            entries = (await simulation.get(f"{simulation.new_user}/task", ("per_page", "100"))).data
            reported[flavours] = (
                {type(stat["answer_rate"]["answered"]) for stat in stats},
                {type(stat["number_status"][0]["count"]) for stat in stats},
                {type(entry["enable"]) for entry in entries},
                {type(entry["new_task_extra"]["call_status"]) for entry in entries},
                {tuple(tag) for stat in stats for tag in stat.get("tags") or ()},
                any(re.search(r'[\n"\\🎉]', task.name) for task in simulation.account.tasks.values()),
            )
    ways = {int, str, bool}
    assert reported[True] == ({int, str}, {int, str}, ways, ways, {("count", "name"), ("count", "tag")}, True)
    assert reported[False] == ({int}, {int}, {int}, {int}, set(), False)


@pytest.mark.parametrize(("flavours", "kinds"), [(True, {"[]", "null", "gap"}), (False, {"{}"})])
async def test_nothing_is_written_in_several_ways(flavours: bool, kinds: set[str]) -> None:  # noqa: FBT001  # a row's value
    """Before the first answered call rounds are, as PHP has it, [] or null or left out; without flavours all are 0."""
    options = SimulatorOptions(tasks=12, php_flavours=flavours, start=HALF_PAST_NINE)
    words = {list: "[]", type(None): "null", str: "gap", dict: "{}"}
    async with serving(options) as simulation:
        for task in simulation.account.tasks.values():
            incident(simulation.simulator, "reset", task.id)
        stats = [(await simulation.stat(task=task)).data for task in simulation.account.tasks.values()]
    rounds = [stat.get("rounds", "gap") for stat in stats]
    assert {words[type(value)] for value in rounds} == kinds
    assert not any(any(value.values()) for value in rounds if isinstance(value, dict))
    assert all(stat["answer_rate"]["callCompletetRate"] in (0, "0") for stat in stats)
