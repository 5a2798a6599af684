"""A real Prometheus over the past: text becomes blocks, and rules are recorded as if it had run at the time.

Prometheus evaluates its rules from now on only, and promtool backfills recording rules but no alerts. So the rules are
asked as range queries here, those that build on others after them, and the answers become OpenMetrics text to backfill.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.support.programs import answers, eventually, fetch, free_port
from tests.support.tools import ROOT, need

RULES = ROOT / "prometheus" / "rules"
QUERY_SECONDS = 300.0
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a rules file; ``pending_seconds`` is an alert's ``for``."""

    name: str
    expr: str
    is_alert: bool
    labels: Mapping[str, str] = field(default_factory=dict)
    pending_seconds: float = 0.0

    @property
    def holding(self) -> str:
        """What must be true for an alert that fires to go on: its expression, with its own firing taken as given."""
        own = re.escape(f'ALERTS{{alertname="{self.name}", alertstate="firing"}}')
        return re.sub(own, "yunfu:task:info", self.expr)

    def uses(self, name: str) -> bool:
        """Return whether the expression asks for a metric."""
        return re.search(rf"(?<![\w:]){re.escape(name)}(?![\w:])", self.expr) is not None


def read_rules(folder: Path = RULES) -> list[Rule]:
    """Read the rules of all files in a folder."""
    files = sorted(folder.glob("*.y*ml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    return [_read_rule(rule) for group in groups for rule in group["rules"]]


def _read_rule(rule: Mapping[str, Any]) -> Rule:
    pending = sum(float(n) * _SECONDS[unit] for n, unit in re.findall(r"(\d+)(ms|[smhdwy])", str(rule.get("for", ""))))
    name = rule.get("record") or rule["alert"]
    return Rule(name, rule["expr"], "alert" in rule, rule.get("labels", {}), pending)


def needed(wanted: Iterable[Rule], rules: Iterable[Rule]) -> list[Rule]:
    """Return the recording rules that some rules build on, directly or not."""
    recordings, left = [rule for rule in rules if not rule.is_alert], list(wanted)
    found: list[Rule] = []
    while left:
        rule = left.pop()
        more = [other for other in recordings if rule.uses(other.name) and other not in found]
        found += more
        left += more
    return found


def levels(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Yield the rules so that those that build on others come after them, the alerts last. Raises ValueError."""
    left = [rule for rule in rules if not rule.is_alert]
    while left:
        ready = [rule for rule in left if not any(rule.uses(other.name) for other in left)]
        if not ready:
            raise ValueError(f"these rules build on one another: {', '.join(rule.name for rule in left)}")
        yield ready
        left = [rule for rule in left if rule not in ready]
    if alerts := [rule for rule in rules if rule.is_alert]:
        yield alerts


@dataclass(frozen=True, slots=True)
class Asked:
    """A Prometheus that is asked about a span of time, in Unix seconds, at every step."""

    url: str
    begin: float
    end: float
    step: float

    def range(self, expr: str) -> list[dict[str, Any]]:
        """Return the series of a range query."""
        return self._ask("query_range", query=expr, start=self.begin, end=self.end, step=self.step)

    def at_the_end(self, expr: str) -> list[dict[str, Any]]:
        """Return the series of an instant query."""
        return self._ask("query", query=expr, time=self.end)

    def _ask(self, path: str, **parameters: object) -> list[dict[str, Any]]:
        reply = fetch(f"{self.url}/api/v1/{path}?{urlencode(parameters)}", seconds=QUERY_SECONDS)
        answer = json.loads(reply.body)
        assert answer["status"] == "success", f"{answer.get('error')}\n{parameters['query']}"
        data = answer["data"]
        return [{"metric": {}, "value": data["result"]}] if data["resultType"] == "scalar" else list(data["result"])

    def record(self, rules: Iterable[Rule], file: Path) -> bool:
        """Write what the rules come to, as OpenMetrics text; return whether there is anything."""
        lines = [line for rule in rules for line in (self._alert(rule) if rule.is_alert else self._recording(rule))]
        lines.sort(key=lambda line: line[0])  # blocks are filled in the order of time
        file.write_text("".join(text for _, text in lines) + "# EOF\n", encoding="utf-8")
        return bool(lines)

    def _recording(self, rule: Rule) -> Iterator[tuple[float, str]]:
        for series in self.range(rule.expr):
            labels = _labels(rule, series)
            for moment, value in series["values"]:
                yield moment, _line(rule.name, labels, value, moment)

    def _alert(self, rule: Rule) -> Iterator[tuple[float, str]]:
        """Yield the samples of an alert: pending, then firing for as long as it holds, which may be longer than it is true; and since when."""
        true, held = self.range(rule.expr), self.range(rule.holding) if rule.holding != rule.expr else None
        begun = {str(_labels(rule, series)): {at for at, _ in series["values"]} for series in true}
        for series in held or true:
            labels = _labels(rule, series)
            moments = [at for at, _ in series["values"]]
            for moment, state, since in self._states(rule, moments, begun.get(str(labels), set())):
                yield moment, _line("ALERTS", {"alertname": rule.name, "alertstate": state} | labels, "1", moment)
                yield moment, _line("ALERTS_FOR_STATE", {"alertname": rule.name} | labels, f"{since:.0f}", moment)

    def _states(
        self, rule: Rule, moments: Sequence[float], begun: Collection[float]
    ) -> Iterator[tuple[float, str, float]]:
        since = last = -self.step
        state = ""
        for moment in moments:
            state = state if moment - last < 1.5 * self.step else ""
            if moment in begun or state == "firing":
                since, last = since if state else moment, moment
                state = "firing" if moment - since >= rule.pending_seconds else "pending"
                yield moment, state, since
            else:
                state = ""


def _labels(rule: Rule, series: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in series["metric"].items() if name != "__name__"} | dict(rule.labels)


def _line(name: str, labels: Mapping[str, str], value: str, moment: float) -> str:
    pairs = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in labels.items())
    return f"{name}{{{pairs}}} {value} {moment:.3f}\n"


def backfill(text: Path, blocks: Path) -> None:
    """Make blocks of OpenMetrics text. Raises CalledProcessError."""
    promtool = need("promtool", "apt-get install prometheus")
    words = [promtool, "tsdb", "create-blocks-from", "--quiet", "openmetrics", str(text), str(blocks)]
    subprocess.run(words, check=True, capture_output=True)


@contextmanager
def prometheus(directory: Path, port: int | None = None, lookback: float = 300.0) -> Iterator[str]:
    """Run a Prometheus on the blocks in ``directory/tsdb`` that scrapes nothing; gives its URL.

    ``lookback`` is for how many seconds a sample counts. Backfilled series end without the marker of a real end: with no more
    than a step or two, they are seen to end when they do.
    """
    config, url = directory / "prometheus.yml", f"http://127.0.0.1:{port or free_port()}"
    config.write_text("global: {}\n", encoding="utf-8")
    words = [need("prometheus", "apt-get install prometheus"), f"--config.file={config}", "--log.level=warn"]
    words += [f"--storage.tsdb.path={directory / 'tsdb'}", "--storage.tsdb.retention.time=100y"]
    words += [f"--query.timeout={QUERY_SECONDS:.0f}s", f"--query.lookback-delta={lookback:.0f}s"]
    words += [f"--web.listen-address={url.removeprefix('http://')}"]
    with (directory / "prometheus.log").open("ab") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
        try:
            eventually(answers(f"{url}/-/ready"))
            yield url
        finally:
            process.terminate()
