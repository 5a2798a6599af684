"""VictoriaMetrics and its vmalert, in the place of Prometheus: it scrapes by Prometheus' configuration, vmalert evaluates its rules."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from exporter.demo.stack import Addresses, Program

VERSION: Final = "v1.151.0"
TOOLS: Final = Path.home() / ".cache" / f"victoria-metrics-{VERSION}"  # where .ci/run puts them
MODULE: Final = "github.com/VictoriaMetrics/VictoriaMetrics/app"


def install(program: str) -> str:
    """Return the command that installs one of the programs."""
    return f"GOBIN={TOOLS} go install {MODULE}/{program}@{VERSION}"


def victoria_programs(
    directory: Path, at: Addresses, vmalert: str, pace: float, eval_delay_seconds: float = 0.0
) -> list[Program]:
    """Return both programs for what ``prepare`` has written, VictoriaMetrics where Prometheus would be.

    As there, time runs ``pace`` times as fast: so do the spans that are flags with them, here divided from their defaults. The
    delay of evaluations is none by default: at a fast pace, the two seconds until samples can be queried are delay enough.
    """

    def paced(seconds: float) -> str:
        return f"{seconds * 1000 / pace:.0f}ms"

    url = f"http://{at.prometheus}"
    return [
        Program(
            "victoria-metrics",
            (
                str(TOOLS / "victoria-metrics"), f"-promscrape.config={directory / 'prometheus.yml'}",
                "-promscrape.config.strictParse=false",  # alerting and rule_files are vmalert's
                f"-storageDataPath={directory / 'victoria'}", f"-httpListenAddr={at.prometheus}",
                f"-vmalert.proxyURL=http://{vmalert}", f"-search.latencyOffset={paced(30)}", "-loggerLevel=WARN",
            ),
            install("victoria-metrics"),
            url,
            ("/vmui",),
        ),
        Program(
            "vmalert",
            (
                str(TOOLS / "vmalert"), f"-rule={directory / 'rules'}/*.yaml", f"-httpListenAddr={vmalert}",
                f"-datasource.url={url}", f"-remoteWrite.url={url}", f"-remoteRead.url={url}",
                f"-notifier.url=http://{at.alertmanager}", f"-datasource.queryStep={paced(300)}",
                f"-rule.evalDelay={paced(eval_delay_seconds)}", f"-remoteWrite.flushInterval={paced(2)}", "-loggerLevel=WARN",
            ),
            install("vmalert"),
            f"http://{vmalert}",
            ("/vmalert/groups",),
        ),
    ]  # fmt: skip
