"""A soak of the exporter: 10,000 tasks polled once a minute, with faults on and campaigns finishing and starting.

Run: python benchmarks/soak.py [MINUTES] [TASKS]     (at least 10 minutes to say anything about memory)

Simulator and exporter run in separate processes; this one scrapes like Prometheus, lets things happen on the
control path, and watches the exporter from outside: memory, file descriptors, processor time, lost tasks, scrape times.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MINUTES = float(sys.argv[1]) if len(sys.argv) > 1 else 12.0
TASKS = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
WARM_UP_SECONDS = min(180.0, MINUTES * 60 / 3)
SCRAPE_SECONDS = 15.0
SIMULATOR = 18644
EXPORTER = 18645
FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 502, "probability": 0.01},
    {"kind": "cut", "probability": 0.005},
    {"kind": "reset", "probability": 0.005},
    {"kind": "envelope", "status": 500, "probability": 0.005},
    {"kind": "truncated", "probability": 0.005},
    {"kind": "latency", "seconds": 0.5, "probability": 0.01},
    {"kind": "slow_headers", "seconds": 8.0, "probability": 0.0005},
]


@dataclass(slots=True)
class Watched:
    """What was seen of the exporter over time."""

    memory: list[tuple[float, float]] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    scrapes: list[float] = field(default_factory=list)
    up: list[int] = field(default_factory=list)
    served: list[int] = field(default_factory=list)


def call(port: int, method: str, path: str, body: object = None, *, gzipped: bool = False) -> bytes:
    """Make a call, asking for gzip as Prometheus does or not; return the body as it comes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(
        method, path, None if body is None else json.dumps(body), {"Accept-Encoding": "gzip"} if gzipped else {}
    )
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == 200, f"{method} {path} answered {answer.status}"
    return text


@contextmanager
def process(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command of the exporter's for as long as the context lasts."""
    command = [sys.executable, "-m", "exporter", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        try:
            yield running
        finally:
            running.terminate()


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used (Linux)."""
    values = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def configuration(account: dict[str, Any]) -> str:
    """Write the exporter's configuration: everything is discovered, and all that is found is polled each minute."""
    return f"""
listen: 127.0.0.1:{EXPORTER}
poll: {{interval: 60s, idle_interval: 60s, timeout: 5s, stale_after: 5m}}
accounts:
  - name: soak
    base_url: http://127.0.0.1:{SIMULATOR}
    user_id: {account["user_id"]}
    token: {account["token"]}
    rate_limit: 400
    concurrency: 32
    discovery: {{interval: 60s, max_tasks: 20000, states: [running, waiting, paused]}}
"""


def disturb(rng: random.Random, tasks: list[str]) -> str:
    """Let something happen to a task, as it does on a working day."""
    kind = rng.choice(("pause", "resume", "reset", "carrier_block", "bad_list", "over"))
    call(SIMULATOR, "POST", "/_control/incidents", {"kind": kind, "task": rng.choice(tasks)})
    return kind


def watch(pid: int, tasks: list[str], seconds: float) -> tuple[Watched, float]:
    """Scrape and disturb for some seconds; return what was seen, and the share of a core that the exporter took."""
    rng, seen = random.Random(1), Watched()
    begin = time.monotonic()
    cpu = cpu_seconds(pid)
    steady = begin, cpu
    while (now := time.monotonic()) < begin + seconds:
        page = call(EXPORTER, "GET", "/metrics", gzipped=True)
        seen.scrapes.append(time.monotonic() - now)
        if now - begin > WARM_UP_SECONDS:
            seen.memory.append((now - begin, resident_mib(pid)))
            seen.descriptors.append(len(os.listdir(f"/proc/{pid}/fd")))  # noqa: PTH208  # no Path is wanted
            count(page, seen)
        else:
            steady = time.monotonic(), cpu_seconds(pid)
        for _ in range(30):
            disturb(rng, tasks)
        time.sleep(max(0.0, now + SCRAPE_SECONDS - time.monotonic()))
    return seen, (cpu_seconds(pid) - steady[1]) / (time.monotonic() - steady[0])


def count(page: bytes, seen: Watched) -> None:
    """Count the tasks on a page: those whose last poll worked, and those with statistics."""
    lines = gzip.decompress(page).splitlines()
    up = [line for line in lines if line.startswith(b"yunfu_task_up{")]
    seen.up.append(len(up))
    seen.served.append(sum(line.startswith(b"yunfu_task_progress_ratio{") for line in lines))


def report(seen: Watched, share: float) -> None:
    """Print the figures."""
    half = len(seen.memory) // 2
    early = statistics.median(size for _, size in seen.memory[:half])
    late = statistics.median(size for _, size in seen.memory[half:])
    scrapes = sorted(seen.scrapes)
    print(f"{TASKS} tasks, {MINUTES:g} minutes, warm-up {WARM_UP_SECONDS:.0f} s; {len(scrapes)} scrapes\n")
    print(
        f"memory after warm-up: median {early:.1f} MiB in the first half, {late:.1f} in the second ({late / early - 1:+.1%})"
    )
    print(f"  least {min(size for _, size in seen.memory):.1f}, most {max(size for _, size in seen.memory):.1f} MiB")
    print(
        f"file descriptors: least {min(seen.descriptors)}, most {max(seen.descriptors)}, at the end {seen.descriptors[-1]}"
    )
    print(f"tasks known: least {min(seen.up)}, most {max(seen.up)}; with statistics: least {min(seen.served)}")
    print(f"/metrics: median {statistics.median(scrapes):.3f} s, p99 {scrapes[int(len(scrapes) * 0.99)]:.3f} s")
    print(f"processor: {share:.1%} of one core, scrapes every {SCRAPE_SECONDS:g} s included")


def main() -> None:
    """Start both, watch, and report."""
    with process("simulate", "--listen", f"127.0.0.1:{SIMULATOR}", "--tasks", str(TASKS), "--no-history") as simulator:
        assert simulator.stdout is not None, "it is a pipe"
        simulator.stdout.readline()
        account = json.loads(call(SIMULATOR, "GET", "/_control/accounts"))[0]
        for fault in FAULTS:
            call(SIMULATOR, "POST", "/_control/faults", fault)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "soak.yaml"
            path.write_text(configuration(account), encoding="utf-8")
            with process("serve", "--config", str(path)) as exporter:
                wait_for_exporter()
                report(*watch(exporter.pid, account["tasks"], MINUTES * 60))


def wait_for_exporter() -> None:
    """Return when it listens."""
    for _ in range(100):
        try:
            call(EXPORTER, "GET", "/healthz")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the exporter does not listen")


if __name__ == "__main__":
    main()
