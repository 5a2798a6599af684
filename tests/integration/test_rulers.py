"""The shipped rules in other programs than Prometheus: each takes the files that we say it takes, and makes the same of the same samples."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pytest

from tests.support.backfill import QUERY_SECONDS, RULES, Asked, Rule, read_rules
from tests.support.history import Served
from tests.support.programs import answers, eventually, fetch, free_address
from tests.support.tools import ROOT, attempt, need
from tests.support.victoria import MODULE, TOOLS, VERSION, install

COUNTS_GROWTH: Final = re.compile(r"\b(increase|rate|delta)\(")
MOST_OTHER_GROWTH: Final = 0.05
FIRST_LOOK_SECONDS: Final = 620.0  # 20 s after a scrape: then no sample is at the edge of a window
LOOK_SECONDS: Final = 300.0
MANY: Final = 50_000
OF_THE_RULER: Final = {"monitor": "eu1"}
"""Labels that a ruler puts on all that it writes, as Thanos' does."""

ROUNDED: Final = 0.001 + 1e-9  # as alerts' values are; a half may go either way

Samples = dict[tuple[tuple[tuple[str, str], ...], float], float]
"""Values by labels and time."""


def test_vmalert_accepts_the_rules() -> None:
    """Expressions are MetricsQL's too, and its templates know every function of the texts."""
    vmalert = need(str(TOOLS / "vmalert"), install("vmalert"))
    checked = attempt(vmalert, "-dryRun", f"-rule={RULES}/*.yaml")
    assert checked.returncode == 0, checked.stdout


@pytest.fixture(scope="module")
def victoria(history: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Give VictoriaMetrics what Prometheus has of the day, recordings and alerts too, and ask it about the day.

    Series that ended lack the marker of their end, in both: so both take them as ended after the same time.
    """
    program = need(str(TOOLS / "victoria-metrics"), install("victoria-metrics"))
    folder, address, plan = tmp_path_factory.mktemp("victoria"), free_address(), history.plan
    words = [program, f"-storageDataPath={folder}", f"-httpListenAddr={address}", "-retentionPeriod=100y"]
    words += [
        "-search.latencyOffset=0",
        "-search.disableCache",
    ]  # with a cache it shifts the times that it is asked about
    words += [f"-search.maxStalenessInterval={1.5 * plan.step:g}s", "-loggerLevel=ERROR"]
    with (folder / "log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
        try:
            eventually(answers(f"http://{address}/-/ready"))
            _import(address, _exported(history))
            fetch(f"http://{address}/internal/force_flush")  # else it is seen after some seconds
            yield Asked(f"http://{address}", plan.begin + FIRST_LOOK_SECONDS, plan.end, LOOK_SECONDS)
        finally:
            process.terminate()


def _import(address: str, lines: bytes) -> None:
    with closing(http.client.HTTPConnection(address, timeout=QUERY_SECONDS)) as connection:
        connection.request("POST", "/api/v1/import", lines)
        assert connection.getresponse().status == HTTPStatus.NO_CONTENT


def _exported(history: Served) -> bytes:
    """Return all samples that Prometheus has, one series a line, as VictoriaMetrics imports them; those of the rules as a ruler writes them."""
    everything = {"query": f'{{__name__=~".+"}}[{history.plan.hours + 1:.0f}h]', "time": history.plan.end}
    reply = fetch(f"{history.url}/api/v1/query?{urlencode(everything)}", seconds=QUERY_SECONDS)
    return b"".join(
        json.dumps(
            {
                "metric": series["metric"] | (OF_THE_RULER if _is_written(series["metric"]["__name__"]) else {}),
                "values": [float(value) for _, value in series["values"]],
                "timestamps": [round(at * 1000) for at, _ in series["values"]],
            }
        ).encode()
        + b"\n"
        for series in json.loads(reply.body)["data"]["result"]
    )


def _is_written(name: str) -> bool:
    return ":" in name or name == "ALERTS"


def _samples(asked: Asked, rule: Rule) -> Samples:
    """Return what a rule makes of the day, but for the ruler's labels; no number is no sample, which VictoriaMetrics leaves out."""
    return {
        (_labels(series["metric"]), at): float(value)
        for series in asked.range(rule.expr)
        for at, value in series["values"]
        if value != "NaN"
    }


def _labels(metric: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, text) for name, text in metric.items() if name not in {"__name__", *OF_THE_RULER}))


def test_victoria_metrics_makes_the_same_of_a_day(history: Served, victoria: Asked) -> None:
    """Rules on the same samples come to the same, all day; only growth it counts from the last sample before a window, and does not extrapolate.

    That evens out over the day, and it misses no window that Prometheus has. Labels of the ruler on all recordings change nothing.
    """
    compared = 0
    for rule in read_rules():
        ours, theirs = _samples(replace(victoria, url=history.url), rule), _samples(victoria, rule)
        compared += len(ours)
        if COUNTS_GROWTH.search(rule.expr):
            assert ours.keys() <= theirs.keys(), rule.name
            assert sum(theirs[each] for each in ours) == pytest.approx(sum(ours.values()), rel=MOST_OTHER_GROWTH)
        else:
            tolerance = ROUNDED if rule.is_alert else 1e-9
            assert theirs == pytest.approx(ours, rel=1e-9, abs=tolerance), rule.name
    assert compared > MANY


def test_ci_installs_what_these_tests_use() -> None:
    """The versions pinned here are those that .ci/run installs."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert Path(TOOLS).name in script
    assert f'{MODULE}/$program@{VERSION}"' in script
