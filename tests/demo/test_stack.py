"""The stack around the demo: what is installed runs, what is missing is named, and nothing is left behind."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from exporter.demo import stack
from exporter.demo.stack import Addresses, Program, accelerate, find_page, prepare
from tests.support import programs
from tests.support.programs import answers, demo_addresses, eventually, fetch, free_port, is_free, running
from tests.support.tools import attempt, need

AT = Addresses("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4")


@pytest.mark.parametrize(
    ("text", "faster"),
    [
        ("increase(a[10m])", "increase(a[10000ms])"),
        ("sum_over_time(a[6h:30m] offset 30m) / a offset 1d > 0", "sum_over_time(a[360000ms:30000ms] offset 30000ms) / a offset 1440000ms > 0"),
        ("rate(a[1h30m])", "rate(a[90000ms])"),
        ("  for: 2m\n  interval: 1m", "  for: 2000ms\n  interval: 1000ms"),
        ("global:\n  scrape_interval: 30s", "global:\n  scrape_interval: 500ms"),
        ("group_wait: 30s\ngroup_interval: 5m", "group_wait: 500ms\ngroup_interval: 5000ms"),
        ("a[1ms]", "a[1ms]"),
        ('a{window="10m"} in the last 30m > 3 * 86400 and from=now-6h', 'a{window="10m"} in the last 30m > 3 * 86400 and from=now-6h'),
        ("group_by: [account]\nequal: [account, task]", "group_by: [account]\nequal: [account, task]"),
    ],
)  # fmt: skip
def test_spans_are_shortened_and_nothing_else(text: str, faster: str) -> None:
    """At a pace of 60, spans of PromQL and of configurations are a sixtieth; labels, words and numbers stay."""
    assert accelerate(text, 60) == faster


def test_at_pace_one_the_rules_mean_what_is_shipped() -> None:
    """Time that does not run faster leaves every span as long as it was."""
    assert accelerate("a[10m] offset 1d", 1) == "a[600000ms] offset 86400000ms"


@pytest.mark.parametrize("pace", [1.0, 20.0, 60.0])
def test_what_is_prepared_is_accepted(tmp_path: Path, pace: float) -> None:
    """Prometheus' and Alertmanager's own tools find no fault in it, and it has the addresses that were given."""
    prepare(tmp_path, AT, pace)
    promtool, amtool = (
        need("promtool", "apt-get install prometheus"),
        need("amtool", "apt-get install prometheus-alertmanager"),
    )
    for words in (
        (promtool, "check", "config", tmp_path / "prometheus.yml"),
        (amtool, "check-config", tmp_path / "alertmanager.yml"),
    ):
        checked = attempt(*words)
        assert checked.returncode == 0, checked.stdout
    config = (tmp_path / "prometheus.yml").read_text(encoding="utf-8")
    assert "127.0.0.1:1" in config
    assert "127.0.0.1:3" in config
    provisioned = (tmp_path / "provisioning" / "dashboards" / "yunfu.yaml").read_text(encoding="utf-8")
    paths = re.findall(r"path: (\S+)", provisioned)
    assert paths
    assert all(list(Path(path).glob("*.json")) for path in paths)


CLASSIC = {"/classic/alerts": (200, "alerts"), "/api/v1/alerts": (200, "{}")}
BARE = {"/alerts": (200, "This Debian package of Prometheus does not include the UI"), "/api/v1/alerts": (200, "{}")}


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        ({"/alerts": (200, "alerts"), **CLASSIC}, "/alerts"),
        (CLASSIC, "/classic/alerts"),
        (BARE, "/api/v1/alerts"),
    ],
)
async def test_the_page_to_look_at_is_one_that_is_there(pages: dict[str, tuple[int, str]], found: str) -> None:
    """Debian's packages answer 404 for pages of upstream, or say that they have none; then it is the next one."""
    async with served(lambda path: pages.get(path, (404, ""))) as url:
        program = Program("prometheus", (), "", url, ("/alerts", "/classic/alerts", "/api/v1/alerts"))
        assert await find_page(program) == f"{url}{found}"


async def test_a_program_that_starts_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it answers 503, it may have its first page yet."""
    monkeypatch.setattr(stack, "_LOOK_SECONDS", 0)
    answers = iter([(503, ""), (503, ""), (200, "alerts")])
    async with served(lambda _: next(answers)) as url:
        program = Program("prometheus", (), "", url, ("/alerts", "/classic/alerts"))
        assert await find_page(program) == f"{url}/alerts"


async def test_a_program_that_does_not_answer_has_its_first_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo does not wait for it forever."""
    monkeypatch.setattr(stack, "PAGE_SECONDS", 0.05)
    program = Program("prometheus", (), "", f"http://127.0.0.1:{free_port()}", ("/alerts", "/classic/alerts"))
    assert await find_page(program) == f"{program.url}/alerts"


@asynccontextmanager
async def served(answer: Callable[[str], tuple[int, str]]) -> AsyncIterator[str]:
    """Answer every path with a status and a text; gives the URL."""

    async def handle(request: web.BaseRequest) -> web.Response:
        status, text = answer(request.path)
        return web.Response(status=status, text=text)

    async with RawTestServer(handle) as server:
        yield f"http://{server.host}:{server.port}"


def free_ports() -> int:
    """Return the first of three neighbouring ports that are free."""
    return next(
        first for first in (free_port() for _ in range(100)) if all(is_free(first + offset) for offset in range(3))
    )


def temporary(program: programs.Program) -> list[Path]:
    """Return the temporary directories of a demo that runs with its own."""
    return list(program.out.parent.glob("yunfu-demo-*"))


def test_the_stack_runs_and_ends_with_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus scrapes the demo, evaluates the rules and knows Alertmanager; Ctrl-C ends all and leaves nothing."""
    need("prometheus", "apt-get install prometheus")
    need("prometheus-alertmanager", "apt-get install prometheus-alertmanager")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    port = free_ports()
    prometheus, alertmanager = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
    _, simulator, words = demo_addresses()
    with running(tmp_path, *words, "--stack", "--stack-port", str(port)) as program:
        eventually(answers(f"{prometheus}/-/ready"))
        eventually(answers(f"{alertmanager}/-/ready"))
        eventually(lambda: b'"1"' in fetch(f"{prometheus}/api/v1/query?query=up").body)
        eventually(lambda: b'"task"' in fetch(f"{prometheus}/api/v1/query?query=yunfu:task:dialling").body)
        known = json.loads(fetch(f"{prometheus}/api/v1/alertmanagers").body)["data"]["activeAlertmanagers"]
        assert [each["url"] for each in known] == [f"{alertmanager}/api/v2/alerts"]
        text = eventually(lambda: program.printed if "_control/incidents" in program.printed else "")
        for url in re.findall(r"http://127\.0\.0\.1:[^\s,)]+", text.partition("stop with")[0]):
            page = fetch(url)
            assert page.status == 200, url
            assert "does not include a web" not in page.text, url
        assert re.search(rf"^prometheus          {prometheus}/\S*alerts( |$)", text, re.MULTILINE)
        assert re.search(rf"^alertmanager        {alertmanager}/", text, re.MULTILINE)
        assert "The rules run 20 times as fast, like the simulated time." in text
        assert "tasks are read every 5 s; simulated time runs 20 times as fast." in text
        assert re.search(
            rf"curl -d '{{\"kind\": \"carrier_block\", \"task\": \"[0-9a-f-]{{36}}\"}}' http://{simulator}/", text
        )
        assert temporary(program)
        assert program.stop(signal.SIGINT) == 0
        assert program.printed.endswith("\nstopped\n")
        assert program.logs == ""
        assert temporary(program) == []
        assert not answers(f"{prometheus}/-/ready")()
        assert not answers(f"{alertmanager}/-/ready")()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel has no such help")
def test_a_demo_that_is_killed_leaves_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the demo ends, what it has started ends with it."""
    need("prometheus", "apt-get install prometheus")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ready = answers(f"http://127.0.0.1:{(port := free_ports())}/-/ready")
    with running(tmp_path, *demo_addresses()[2], "--stack", "--stack-port", str(port)) as program:
        eventually(ready)
        program.process.kill()
        eventually(lambda: not ready())


def test_what_is_missing_is_named_and_the_demo_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any of the three, each has a line that says how to install it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    exporter, _, words = demo_addresses()
    with running(tmp_path, *words, "--stack") as program:
        eventually(answers(f"http://{exporter}/readyz"))
        text = eventually(lambda: program.printed if "stop with" in program.printed else "")
        assert "prometheus          is not installed; to install it: apt-get install prometheus\n" in text
        assert "alertmanager        is not installed; to install it: apt-get install prometheus-alertmanager\n" in text
        assert "grafana             is not installed; to install it: https://grafana.com/docs/" in text
        assert program.stop() == 0


def test_a_program_that_ends_is_told_of(tmp_path: Path) -> None:
    """When a port is taken, the line says which program ended and what it said last; the demo goes on."""
    need("prometheus", "apt-get install prometheus")
    exporter, _, words = demo_addresses()
    port = free_ports()
    words += ["--stack", "--stack-port", str(port)]
    with socket.create_server(("127.0.0.1", port)), running(tmp_path, *words) as program:
        eventually(lambda: "prometheus has ended with status 1: " in program.printed)
        assert "address already in use" in program.printed
        eventually(answers(f"http://{exporter}/readyz"))
        assert program.stop() == 0
