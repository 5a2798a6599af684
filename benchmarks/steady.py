"""Measures the processor time of 10,000 tasks polled once a minute, as the contract's budget has it: a tenth of a core.

Run: python benchmarks/steady.py [TASKS] [SECONDS]

The exporter is the real program in a process of its own, on the simulator in another. After the first round is through,
its processor time is read for SECONDS without a scrape, then for as long with a scrape every 15 seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soak import call, cpu_seconds, process, resident_mib, wait_for_exporter

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
SIMULATOR = 18644
EXPORTER = 18645


@contextmanager
def exporter(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the exporter on all of the simulator's tasks, listed by hand, each polled once a minute."""
    account = json.loads(call(SIMULATOR, "GET", "/_control/accounts"))[0]
    settings = {
        "listen": f"127.0.0.1:{EXPORTER}",
        "poll": {"interval": "60s", "idle_interval": "60s"},
        "accounts": [
            {
                "name": "steady",
                "base_url": f"http://127.0.0.1:{SIMULATOR}",
                "user_id": account["user_id"],
                "token": account["token"],
                "rate_limit": 400,
                "tasks": [{"id": task} for task in account["tasks"]],
            }
        ],
    }
    path = folder / "steady.yaml"
    path.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    with process("serve", "--config", str(path)) as running:
        wait_for_exporter()
        yield running


def polls() -> float:
    """Return how many polls there have been."""
    for line in call(EXPORTER, "GET", "/metrics").splitlines():
        if line.startswith(b"yunfu_exporter_api_request_duration_seconds_count"):
            return float(line.rsplit(b" ", 1)[1])
    return 0.0


def measure(name: str, pid: int, *, scraping: bool) -> None:
    """Watch for a while and print the share of a core."""
    before, begin, cpu = polls(), time.monotonic(), cpu_seconds(pid)
    while (left := begin + SECONDS - time.monotonic()) > 0:
        time.sleep(min(15.0, left))
        if scraping:
            call(EXPORTER, "GET", "/metrics", gzipped=True)
    share = (cpu_seconds(pid) - cpu) / (time.monotonic() - begin)
    rate = (polls() - before) / (time.monotonic() - begin)
    print(f"{name:22}{rate:6.0f} polls/s, {share:.1%} of one core, {share / rate * 1e6:.0f} µs a poll", flush=True)


def main() -> None:
    """Start both, let the first round pass, measure."""
    words = ("--tasks", str(TASKS), "--no-history", "--speed", "1")
    with (
        process("simulate", "--listen", f"127.0.0.1:{SIMULATOR}", *words) as simulator,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert simulator.stdout is not None, "it is a pipe"
        simulator.stdout.readline()
        with exporter(Path(folder)) as running:
            while polls() < TASKS * 1.5:
                time.sleep(5)
            measure("without scrapes", running.pid, scraping=False)
            measure("scraped every 15 s", running.pid, scraping=True)
            print(f"resident memory       {resident_mib(running.pid):.0f} MiB")


if __name__ == "__main__":
    main()
