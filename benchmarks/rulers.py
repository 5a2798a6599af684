"""How long after an incident its alerts fire in Prometheus, and in VictoriaMetrics with vmalert.

Both scrape the same exporter on the simulator and have every default, divided by the pace. VictoriaMetrics takes two seconds
until a sample can be queried at any pace, so the slower, the truer; the past that the rules compare with takes 45 minutes, by the pace.

Run: python -m benchmarks.rulers [--pace 10] [--interval 1m]; a quarter of an hour at a pace of 4
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import aiohttp

from exporter.demo.simulator import Simulator, SimulatorOptions
from exporter.demo.stack import Addresses, accelerate, prepare, programs
from tests.support.afternoon import HALF_PAST_TWO, largest
from tests.support.programs import free_address
from tests.support.stack import Stack, process_of, serve_words, until
from tests.support.victoria import victoria_programs

ALERTS: Final = ("YunfuTaskCarrierBlocked", "YunfuTaskLowAnswerRate")
PAST_MINUTES: Final = 45.0
PATIENCE_MINUTES: Final = 45.0
EVAL_DELAY_SECONDS: Final = 30.0  # vmalert's default


async def compare(directory: Path, pace: float, interval: str) -> None:
    """Print when each alert fires in each, in minutes of the rules' time; ``interval`` is vmalert's, as ``15s``."""
    simulator = Simulator(SimulatorOptions(tasks=4, speed=pace, start=HALF_PAST_TWO, scale=50))
    at = Addresses(*(free_address() for _ in range(4)))
    theirs = Addresses(at.exporter, free_address(), at.alertmanager, at.grafana)
    for name, addresses in (("prometheus", at), ("vmalert", theirs)):
        (directory / name).mkdir()
        prepare(directory / name, addresses, pace)
    for rules in (directory / "vmalert" / "rules").glob("*.yaml"):
        paced = accelerate(f"    interval: {interval}", pace)
        rules.write_text(re.sub("^    interval: .*", paced, rules.read_text(encoding="utf-8"), flags=re.MULTILINE))
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(simulator.serve())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        config = directory / "exporter.json"
        config.write_text(json.dumps(_settings(simulator, url, at.exporter, pace)), encoding="utf-8")
        await stack.enter_async_context(process_of(serve_words(config), directory / "exporter.log"))
        both = {
            "prometheus": programs(directory / "prometheus", at, pace)[:1],
            "vmalert": victoria_programs(directory / "vmalert", theirs, free_address(), pace, EVAL_DELAY_SECONDS),
        }
        asked = {
            "prometheus": Stack(simulator, session, directory, url, prometheus=at.prometheus),
            "vmalert": Stack(simulator, session, directory, url, prometheus=theirs.prometheus),
        }
        for started in both.values():
            for program in started:
                log = directory / f"{program.name}.log"
                await stack.enter_async_context(process_of(list(program.words), log, f"{program.url}/-/ready"))
        await asyncio.sleep(PAST_MINUTES * 60 / pace)
        struck = largest(asked["prometheus"])
        simulator.incident("carrier_block", struck.id)
        begun = time.monotonic()
        await asyncio.gather(
            *(_report(name, each, alert, struck.id, begun, pace) for name, each in asked.items() for alert in ALERTS)
        )


def _settings(simulator: Simulator, url: str, listen: str, pace: float) -> dict[str, object]:
    account = simulator.accounts[0]
    return {
        "listen": listen,
        "poll": {"interval": 60 / pace, "idle_interval": 900 / pace},
        "accounts": [
            {
                "name": "main",
                "base_url": url,
                "user_id": account.user_id,
                "token": account.token,
                "rate_limit": 100,
                "discovery": {"interval": 60 / pace},
            }
        ],
    }


async def _report(name: str, stack: Stack, alert: str, task: str, begun: float, pace: float) -> None:
    async def fires() -> bool:
        return bool(await stack.query(f'ALERTS{{alertname="{alert}",alertstate="firing",task="{task}"}}'))

    await until(f"{alert} fires in {name}", fires, PATIENCE_MINUTES * 60 / pace)
    print(f"{name:11} {alert:25} {(time.monotonic() - begun) * pace / 60:5.1f} minutes", flush=True)


def main() -> None:
    """Run the comparison once."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--pace", type=float, default=10.0, help="how many times as fast time runs, up to 60")
    options.add_argument("--interval", default="1m", help="how often vmalert evaluates, such as 15s")
    chosen = options.parse_args()
    with TemporaryDirectory(prefix="yunfu-rulers-") as name:
        asyncio.run(compare(Path(name), chosen.pace, chosen.interval))


if __name__ == "__main__":
    main()
