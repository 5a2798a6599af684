"""The shipped alerts as 夜莺 (Nightingale, n9e) imports them, a file for each language; ``--check`` only compares.

Its own import of Prometheus' files does not fit: it drops recording rules, takes one of two alerts of the same name, and shows an
error in place of each text that uses a function otherwise than n9e has it. So recordings, and the series ``ALERTS``, stay the
ruler's; n9e asks for the same expressions, and its texts are what its templates can say.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from docs.generated import write_or_check

RULES: Final = Path(__file__).parent / "rules"
FOLDER: Final = Path(__file__).parent / "nightingale"
SUFFIXES: Final = {"en": "", "zh": "_zh"}
SEVERITIES: Final = {"critical": 1, "warning": 2, "info": 3}
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


def _seconds(span: str) -> int:
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([smh])", span))


def _text(template: str) -> str:
    """Return a template as n9e has it: there ``$value`` is text, which is compared by a pattern."""
    return template.replace("lt $value 0.0", 'match "^-" $value').replace("eq $value 1.0", 'eq $value "1"')


def alert(rule: dict[str, Any], interval: str, language: str) -> dict[str, Any]:
    """Return an alert in the format of n9e's export, for all its sources of Prometheus' kind.

    The name is unique, as n9e wants it in a business group; the tag ``alertname`` is the shipped one.
    """
    severity, texts = rule["labels"]["severity"], rule["annotations"]
    suffix = SUFFIXES[language]
    return {
        "cate": "prometheus",
        "prod": "metric",
        "name": f"{rule['alert']}-{severity}",
        "datasource_queries": [{"match_type": 2, "op": "in", "values": [0]}],
        "rule_config": {"queries": [{"prom_ql": rule["expr"], "severity": SEVERITIES[severity]}]},
        "cron_pattern": f"@every {_seconds(interval)}s",
        "prom_for_duration": _seconds(rule["for"]),
        "severity": SEVERITIES[severity],
        "append_tags": [f"alertname={rule['alert']}"],
        "annotations": {
            "summary": _text(texts[f"summary{suffix}"]),
            "dashboard_url": texts[f"dashboard_url{suffix}"],
            "runbook_url": texts["runbook_url"],
        },
        "notify_recovered": 1,
        "notify_repeat_step": 60,
        "notify_version": 1,
    }


def files() -> Iterator[tuple[Path, str]]:
    """Yield the path and the content of each file."""
    groups = [
        group
        for path in sorted(RULES.glob("*.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    for language in SUFFIXES:
        alerts = [
            alert(rule, group["interval"], language) for group in groups for rule in group["rules"] if "alert" in rule
        ]
        yield FOLDER / f"{language}.json", json.dumps(alerts, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check("python -m prometheus.nightingale", __doc__, files(), "make rules"))
