"""A platform that sends the worst that is allowed, and more: what the exporter's health, memory and end come to meanwhile.

Run: python benchmarks/hostile_platform.py [SECONDS [SEED]]     (default: 30)

Three accounts poll it at 20 API calls per second each. Its answers are as large and as costly as the bounds let them be, or far
beyond; it floods idle connections, answers twice, resets, drips, and lists a hundred thousand tasks on each of a thousand pages.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

ACCOUNTS: Final = 3
TASKS: Final = 50
VALUES: Final = 9_000
"""In one answer: a little less than the exporter's bound for statistics."""

USER: Final = "40863af8-db4a-41c6-a269-eb5bc386d97f"
IDS: Final = [str(uuid.UUID(int=number)) for number in range(1, TASKS + 1)]


BOMB: Final = gzip.compress(bytes(50_000_000), 9)


def many(item: str, cost: int, count: int = VALUES) -> str:
    """Return a JSON list of items, each with ``cost`` values; ``%d`` in an item is its number."""
    return "[" + ",".join(item.replace("%d", str(number)) for number in range(count // cost)) + "]"


STATISTICS: Final[dict[str, Callable[[], str]]] = {
    "tags": lambda: '{"tags":' + many('{"count":1,"name":"%d"}', 3) + "}",
    "levels": lambda: '{"intention":' + many('{"total":1,"name":"%d"}', 3) + "}",
    "statuses": lambda: '{"number_status":' + many('{"status":%d,"count":1}', 3) + "}",
    "empty objects": lambda: '{"number_status":' + many("{}", 2) + "}",
    "empty lists": lambda: '{"number_status":' + many("[]", 2) + "}",
    "rounds": lambda: '{"rounds":{' + ",".join(f'"{number}":1' for number in range(VALUES)) + "}}",
    "unknown keys": lambda: '{"answer_rate":[],' + ",".join(f'"{number}":0' for number in range(VALUES)) + "}",
    "long names": lambda: '{"tags":[{"count":1,"name":"' + "\u202e" * 80_000 + '"}]}',
    "deep": lambda: '{"tags":' + "[" * 4_000 + "]" * 4_000 + "}",
    "long numbers": lambda: '{"answer_rate":{"answered":"' + "9" * 200_000 + '"}}',
    "beyond: 8 MB of empty objects": lambda: '{"number_status":' + many("{}", 1, 2_600_000) + "}",
    "beyond: 700,000 keys": lambda: "{" + ",".join(f'"{number}":0' for number in range(700_000)) + "}",
}
"""The data of statistics by kind, made once."""

WAYS: Final = ("plain", "plain", "plain", "gzip", "twice", "flood", "reset", "drip", "bomb", "headers")
"""How an answer is sent."""


def response(body: bytes, *headers: str) -> bytes:
    """Return an HTTP response."""
    head = ("HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers)
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


class Platform:
    """Answers on loopback, badly. ``sent`` counts the answers by kind."""

    def __init__(self, rng: random.Random) -> None:
        self.sent: Counter[str] = Counter()
        self._rng = rng
        self._bodies = {name: f'{{"code":200,"data":{make()}}}'.encode() for name, make in STATISTICS.items()}
        entries = [{"uuid": each, "name": each, "enable": 1, "status": 2, "note": "x" * 15_000} for each in IDS]
        meta = {"last_page": 1, "total": TASKS}
        self._list = json.dumps({"code": 200, "data": entries, "meta": meta}).encode()
        endless = [{"uuid": str(uuid.UUID(int=number)), "enable": 1} for number in range(10**6, 10**6 + 100_000)]
        self._endless = json.dumps({"code": 200, "data": endless, "meta": {"last_page": 1000, "total": 10**8}}).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection until it is closed."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                await self._answer(writer, request.split(b" ", 2)[1].decode())
        writer.transport.abort()

    async def _answer(self, writer: asyncio.StreamWriter, path: str) -> None:
        if not path.endswith("/stat"):
            is_endless = "/new/" in path
            self.sent["list of a million" if is_endless else "list"] += 1
            writer.write(response(self._endless if is_endless else self._list))
            await writer.drain()
            return
        name, way = self._rng.choice(list(self._bodies)), self._rng.choice(WAYS)
        self.sent[way if way in ("bomb", "headers") else name] += 1
        if way == "reset":
            writer.transport.abort()
        elif way == "drip":
            for byte in response(self._bodies[name])[:20]:
                if not writer.is_closing():
                    writer.write(bytes((byte,)))
                await asyncio.sleep(0.05)
        else:
            writer.write(written(self._bodies[name], way))
        while way == "flood" and not writer.is_closing():
            await asyncio.sleep(0)
            writer.write(1000 * response(b"x"))
            await writer.drain()
        await writer.drain()


def written(body: bytes, way: str) -> bytes:
    """Return the answer with a body, in a way that needs no time."""
    match way:
        case "gzip":
            return response(gzip.compress(body, 1), "Content-Encoding: gzip")
        case "bomb":
            return response(BOMB, "Content-Encoding: gzip")
        case "headers":
            return response(body, *(f"X-{number}: {'x' * 1000}" for number in range(60)))
        case "twice":
            return 2 * response(body)
        case _:
            return response(body)


def settings(port: int, listen: int) -> dict[str, object]:
    """Return the exporter's configuration."""
    accounts = [
        {
            "name": f"a{number}",
            "base_url": f"http://127.0.0.1:{port}",
            "user_id": USER,
            "token": f"t{number}",
            "rate_limit": "20/s",
            "discovery": {},
        }
        for number in range(ACCOUNTS)
    ]
    return {"listen": f"127.0.0.1:{listen}", "poll": {"interval": "1s", "timeout": "5s"}, "accounts": accounts}


def resident_mib(pid: int) -> float:
    """Return the memory that a process has at the moment, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def ask(port: int, path: str) -> float:
    """Return the seconds until a GET is answered whole."""
    start = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n".encode())
    await reader.read(-1)
    writer.close()
    return time.monotonic() - start


async def run(seconds: float, rng: random.Random) -> None:
    """Run it all, and print what came of it."""
    platform = Platform(rng)
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = int(free.getsockname()[1])
    async with await asyncio.start_server(platform.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with tempfile.TemporaryDirectory() as directory:
            config, log = Path(directory) / "yunfu.yaml", Path(directory) / "log"
            config.write_text(json.dumps(settings(port, listen)), encoding="utf-8")
            words = [sys.executable, "-m", "exporter", "serve", "--config", str(config)]
            with log.open("wb") as file, subprocess.Popen(words, stderr=file) as process:  # noqa: ASYNC220  # it is short
                health, scrapes, memory = await watch(process.pid, listen, seconds)
                start = time.monotonic()
                process.send_signal(signal.SIGTERM)
                status = await asyncio.to_thread(process.wait, 30)
                end = time.monotonic() - start
            text = log.read_text(encoding="utf-8")
    print(f"answers: {', '.join(f'{name} {count}' for name, count in sorted(platform.sent.items()))}")
    for name, waits in (("/healthz", health), ("/metrics", scrapes)):
        print(
            f"{name}: {len(waits)}, median {1000 * statistics.median(waits):.0f} ms, worst {1000 * max(waits):.0f} ms"
        )
    print(f"memory at most {max(memory):.0f} MiB; end by SIGTERM after {end:.1f} s with status {status}")
    assert "Traceback" not in text, text[text.index("Traceback") :][:3000]
    assert max(memory) < 300, "memory grows"
    assert max(health) < 5, "the loop stood still"
    assert (status, end < 10) == (0, True), "it did not end well"


async def watch(pid: int, port: int, seconds: float) -> tuple[list[float], list[float], list[float]]:
    """Return the seconds that health and scrapes took, and the memory, measured for some seconds from the first answer on."""
    health: list[float] = []
    scrapes: list[float] = []
    memory: list[float] = []
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError):
                await ask(port, "/healthz")
                break
            await asyncio.sleep(0.1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        health.append(await ask(port, "/healthz"))
        if len(health) % 10 == 0:
            scrapes.append(await ask(port, "/metrics"))
            memory.append(resident_mib(pid))
        await asyncio.sleep(0.05)
    return health, scrapes, memory


def main() -> None:
    """Read the command line."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    print(f"seed {seed}")
    asyncio.run(run(seconds, random.Random(seed)))


if __name__ == "__main__":
    main()
