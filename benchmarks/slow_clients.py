"""Hundreds of bad clients of an exporter of thousands of tasks, and what a good client notices of them.

Run: python benchmarks/slow_clients.py [TASKS]     (default: 10000)

The good one scrapes by password every second, the bad ones say nothing, dribble, do not read what they ask for or read it slowly, probe, or guess
passwords as fast as they can. Printed are the durations of scrapes and health checks, and the exporter's processor time and memory, quiet and under each of them.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import bcrypt

from tests.support.programs import free_port

TASKS = int(sys.argv[1]) if sys.argv[1:] and sys.argv[1].isdigit() else 10_000
SECONDS = 30.0
PASSWORD = "scraper"  # noqa: S105  # of this run alone
NEW_USERS = [f"new{number}" for number in range(5)]
"""Users with the same password who come for the first time while others guess."""

Attack = Callable[[int], Awaitable[None]]


def basic(password: str, user: str = "alice") -> str:
    """Write the header of basic auth."""
    return f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}\r\n"


def request(path: str, headers: str = "") -> bytes:
    """Write a request on a new connection."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n".encode()


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 2**20


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used (Linux)."""
    values = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def exporter(port: int, health: int) -> Iterator[int]:
    """Run the simulator, and an exporter behind a password on it, with a port for its health; gives its process id."""
    platform, words = free_port(), [sys.executable, "-m", "exporter"]
    simulate = [*words, "simulate", "--listen", f"127.0.0.1:{platform}", "--tasks", str(TASKS), "--no-history"]
    with (
        tempfile.TemporaryDirectory() as directory,
        subprocess.Popen(simulate, stdout=subprocess.PIPE, text=True) as it,
    ):
        assert it.stdout is not None
        it.stdout.readline()
        account = dict(word.removeprefix("YUNFU_").split("=", 1) for word in it.stdout.readline().split())
        web_config, config = Path(directory) / "web.yml", Path(directory) / "config.yml"
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()
        users = dict.fromkeys(["alice", *NEW_USERS], hashed)
        web_config.write_text(json.dumps({"basic_auth_users": users}), encoding="utf-8")
        given = {key.lower(): value for key, value in account.items()}
        states = ["running", "waiting", "paused"]
        more = {"name": "main", "rate_limit": 500, "discovery": {"max_tasks": 20_000, "states": states}}
        ports = {"listen": f"127.0.0.1:{port}", "health_listen": f"127.0.0.1:{health}"}
        settings = {**ports, "web_config_file": str(web_config), "accounts": [{**given, **more}]}
        config.write_text(json.dumps(settings), encoding="utf-8")
        with subprocess.Popen([*words, "serve", "--config", str(config)]) as process:
            try:
                yield process.pid
            finally:
                process.terminate()
                it.terminate()


async def ask(port: int, path: str, headers: str = "", client: str = "127.0.0.1") -> bytes:
    """Return a whole answer; the good client has another address."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20, local_addr=(client, 0))
    try:
        writer.write(request(path, headers))
        return await reader.read()
    finally:
        writer.transport.abort()


async def say_nothing(port: int) -> None:
    """Hold a connection; when it is closed come back after a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await reader.read()
    finally:
        writer.transport.abort()
    await asyncio.sleep(1)


async def dribble(port: int) -> None:
    """Send a header byte by byte."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for byte in request("/metrics", f"X: {'y' * 1000}\r\n"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.5)
    finally:
        writer.transport.abort()


async def read_nothing(port: int) -> None:
    """Ask for the page, by password, and leave it there."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    try:
        writer.write(request("/metrics", basic(PASSWORD)))
        await asyncio.sleep(SECONDS)
    finally:
        writer.transport.abort()


async def read_slowly(port: int) -> None:
    """Ask for the page, by password, and read 64 KB of it every 0.4 s, from one of sixteen addresses."""
    client = f"127.0.1.{random.randrange(16)}"
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 15, local_addr=(client, 0))
    try:
        writer.write(request("/metrics", basic(PASSWORD)))
        while await reader.read(1 << 16):  # noqa: ASYNC110  # slow on purpose
            await asyncio.sleep(0.4)
    finally:
        writer.transport.abort()


async def probe(port: int) -> None:
    """Probe a task that is not there, by password."""
    await ask(port, f"/probe?account=main&task={uuid4()}", basic(PASSWORD))


async def guess(port: int) -> None:
    """Try a password."""
    await ask(port, "/metrics", basic(os.urandom(8).hex()))


async def again(attack: Attack, port: int) -> None:
    """Attack without end."""
    while True:
        try:
            await attack(port)
        except OSError:
            await asyncio.sleep(0.01)


ATTACKS: dict[str, Attack] = {
    each.__name__: each for each in (say_nothing, dribble, read_nothing, read_slowly, probe, guess)
}


async def attack_alone(name: str, clients: int, port: int) -> None:
    """Run attacking clients until killed, in a separate process."""
    await asyncio.gather(*(again(ATTACKS[name], port) for _ in range(clients)))


@contextmanager
def attacked(attack: Attack | None, clients: int, port: int) -> Iterator[None]:
    """Run attacking clients in a separate process for as long as the context lasts."""
    if attack is None:
        yield
        return
    with subprocess.Popen([sys.executable, __file__, attack.__name__, str(clients), str(port)]) as process:
        try:
            yield
        finally:
            process.kill()


async def first_password(user: str, port: int) -> int:
    """Return how many tries a right password takes that was not seen before; its client has the guessers' address."""
    for number in itertools.count(1):
        if b" 200 OK" in await ask(port, "/healthz", basic(PASSWORD, user)):
            return number
    raise AssertionError


async def watch(name: str, attack: Attack | None, clients: int, ports: tuple[int, int], pid: int) -> None:
    """Scrape and ask for health every second during an attack, and print what it was like."""
    port, health = ports
    took, healths, memory, tries = list[float](), list[float](), list[float](), list[int]()
    begin, cpu = time.monotonic(), cpu_seconds(pid)
    with attacked(attack, clients, port), attacked(attack if attack is say_nothing else None, clients, health):
        end = begin + SECONDS
        while (start := time.monotonic()) < end:
            answer = await ask(port, "/metrics", basic(PASSWORD) + "Accept-Encoding: gzip\r\n", "127.0.0.2")
            assert answer.startswith(b"HTTP/1.1 200"), answer[:100]
            took.append(time.monotonic() - start)
            assert b" 200 OK" in await ask(health, "/healthz", client="127.0.0.2")
            healths.append(time.monotonic() - start - took[-1])
            if attack is guess and len(tries) < min(len(NEW_USERS), len(took) - 5):
                tries.append(await first_password(NEW_USERS[len(tries)], port))
            memory.append(resident_mib(pid))
            await asyncio.sleep(max(0.0, start + 1 - time.monotonic()))
    used = (cpu_seconds(pid) - cpu) / (time.monotonic() - begin)
    durations = f"{statistics.median(took):5.2f} s, worst {max(took):5.2f} s"
    health_took = f"health {1000 * statistics.median(healths):3.0f} ms, worst {1000 * max(healths):3.0f} ms"
    print(f"{name:<40} {len(took):>2} scrapes, {durations}; {health_took}")
    print(
        f"{'':<40} {used:4.0%} of a core, {max(memory):4.0f} MiB at most{f'; first passwords: {tries} tries' if tries else ''}"
    )


async def main() -> None:
    """Run all attacks, one after the other, with a quiet time before, between and after."""
    port, health = ports = free_port(), free_port()
    with exporter(port, health) as pid:
        async with asyncio.timeout(300):
            while True:
                try:
                    if b" 200 OK" in (await ask(port, "/readyz", basic(PASSWORD))):
                        break
                except OSError:
                    pass
                await asyncio.sleep(0.5)
        await watch("quiet", None, 0, ports, pid)
        await watch("1000 to each port that say nothing", say_nothing, 1000, ports, pid)
        await watch("500 that send a byte every half second", dribble, 500, ports, pid)
        await watch("50 that guess passwords", guess, 50, ports, pid)
        await watch("200 with the password that do not read", read_nothing, 200, ports, pid)
        await watch("80 of 16 addresses that read slowly", read_slowly, 80, ports, pid)
        await watch("50 that probe tasks that are not there", probe, 50, ports, pid)
        await watch("quiet again", None, 0, ports, pid)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    if sys.argv[1:2] and sys.argv[1] in ATTACKS:
        asyncio.run(attack_alone(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    else:
        asyncio.run(main())
