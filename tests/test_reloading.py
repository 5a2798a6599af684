"""Reloading: what changes, what goes on as if nothing had been, and what is refused."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exporter import daemon as daemon_module
from exporter import reloading
from exporter.api.tokens import Token
from exporter.config.faults import SettingsError
from exporter.config.settings import Settings
from exporter.daemon import Daemon, make_daemon
from exporter.demo.simulator import SimulatorOptions
from exporter.files.changes import Watched
from exporter.running import Running
from tests.support.programs import (
    Platform,
    Program,
    Reply,
    answers,
    eventually,
    fetch,
    free_port,
    running,
    simulated,
    write_config,
)
from tests.support.samples import find

TASK = "61551b2c-e3f3-4707-b4ed-f362f0925e03"
SUCCESSFUL = "yunfu_exporter_config_last_reload_successful"


@dataclass
class Daily:
    """The exporter at work, its configuration file, and the platform that it asks."""

    program: Program
    platform: Platform
    config: Path
    url: str

    def write(self, *accounts: dict[str, Any], **more: Any) -> None:
        """Write the configuration file, with the address that cannot change."""
        write_config(self.config, *accounts, **{"listen": self.url.removeprefix("http://"), **more})

    def reload(self, *accounts: dict[str, Any], **more: Any) -> Reply:
        """Write the configuration file and ask for a reload."""
        self.write(*accounts, **more)
        return fetch(f"{self.url}/-/reload", "POST")

    def page(self) -> str:
        """Scrape."""
        return fetch(f"{self.url}/metrics").text

    def value(self, name: str, **labels: str) -> float | None:
        """Scrape, and return the value of the one sample with these labels, or None if there is none."""
        return find(self.page(), name, **labels)

    def account(self, name: str = "main", index: int = 0, **more: Any) -> dict[str, Any]:
        """Return the settings of an account."""
        return self.platform.account(name, index, **more)

    def tasks(self, index: int = 0) -> list[str]:
        """Return the ids of an account's tasks."""
        return list(self.platform.simulator.accounts[index].tasks)


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daily]:
    """Run one exporter for the whole module."""
    directory = tmp_path_factory.mktemp("reload")
    config, url = directory / "config.yaml", f"http://127.0.0.1:{free_port()}"
    with simulated(SimulatorOptions(tasks=4, accounts=2, speed=60)) as platform:
        write_config(config, platform.account(), listen=url.removeprefix("http://"))
        with running(directory, "--config", str(config)) as program:
            eventually(answers(f"{url}/readyz"))
            yield Daily(program, platform, config, url)


@pytest.fixture
def daily(at_work: Daily) -> Daily:
    """Begin each test with the first configuration."""
    assert at_work.reload(at_work.account()).status == 200
    eventually(lambda: at_work.page().count("yunfu_task_answered_calls{") == 4)
    return at_work


def test_a_bad_file_leaves_everything_as_it_was(daily: Daily) -> None:
    """Faults are answered with status 500, all of them, and counted as a failed reload; a good file mends it."""
    before = daily.value("yunfu_exporter_config_last_reload_success_timestamp_seconds")
    reply = daily.reload(daily.account(rate_limit=-1), daily.account("second", token_file="/nowhere"), pol={})
    assert reply.status == 500
    assert reply.text.splitlines() == [
        "the previous configuration stays in use:",
        "pol: unknown key; did you mean 'poll'?",
        "accounts[0].rate_limit: '-1' is out of range; expected above 0, as 30/m, 1/s or a number per second",
        "accounts[1].token: given beside token_file; expected one of token and token_file",
    ]
    page = daily.page()
    assert find(page, SUCCESSFUL) == 0
    assert "The reload failed" in (shown := fetch(f"{daily.url}/").text)
    assert "pol: unknown key; did you mean &#39;poll&#39;?; accounts[0].rate_limit" in shown
    assert find(page, "yunfu_exporter_config_last_reload_success_timestamp_seconds") == before
    assert page.count("yunfu_task_up{") == 4
    daily.config.unlink()
    assert fetch(f"{daily.url}/-/reload", "POST").text.endswith("no such file or directory; expected a YAML file\n")
    assert daily.reload(daily.account()).status == 200
    assert daily.value(SUCCESSFUL) == 1
    assert "The reload failed" not in fetch(f"{daily.url}/").text


def test_sighup_reloads(daily: Daily) -> None:
    """SIGHUP does the same as the POST; a bad file is one line in the log."""
    daily.config.write_text("accounts: [")
    lines = daily.program.logs.count("reload failed")
    daily.program.process.send_signal(signal.SIGHUP)
    eventually(lambda: daily.value(SUCCESSFUL) == 0)
    assert daily.program.logs.count("reload failed") == lines + 1
    daily.write(daily.account("renamed"))
    daily.program.process.send_signal(signal.SIGHUP)
    eventually(lambda: daily.value("yunfu_account_up", account="renamed") == 1)
    assert daily.value(SUCCESSFUL) == 1
    assert 'account="main"' not in daily.page()


def test_tasks_and_accounts_come_and_go(daily: Daily) -> None:
    """A removed task or account leaves no series behind, a new one is polled at once."""
    first, *others = daily.tasks()
    daily.reload(daily.account(tasks=[{"id": task} for task in others]))
    eventually(lambda: first not in daily.page())
    daily.reload(daily.account(), daily.account("second", 1))
    eventually(lambda: daily.page().count("yunfu_task_answered_calls{") == 8)
    assert daily.value("yunfu_exporter_api_request_duration_seconds_count", account="second", endpoint="stat")
    daily.reload(daily.account("second", 1))
    eventually(lambda: daily.page().count("yunfu_task_answered_calls{") == 4)
    assert 'account="main"' not in daily.page()
    assert daily.value("yunfu_account_up", account="second") == 1


def test_what_stays_has_no_gap(daily: Daily) -> None:
    """During 20 reloads of the account next door and of this one's other tasks, each scrape has all lines of what stays."""
    kept, moving = daily.tasks()[:2], daily.tasks()[2:]
    steady = daily.account("second", 1)
    pages: list[str] = []
    done = threading.Event()

    def scrape() -> None:
        while not done.is_set():
            pages.append(daily.page())

    daily.reload(daily.account(), steady)
    eventually(lambda: daily.page().count("yunfu_task_answered_calls{") == 8)
    scraper = threading.Thread(target=scrape)
    scraper.start()
    try:
        for turn in range(20):
            listed = [*kept, *(moving if turn % 2 else moving[:1])]
            account = daily.account(tasks=[{"id": task} for task in listed], rate_limit=1000 + turn)
            assert daily.reload(account, steady).status == 200
    finally:
        done.set()
        scraper.join()
    assert len(pages) >= 20
    scrapes = [dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#") for page in pages]
    stays = [("main", task) for task in kept] + [("second", task) for task in daily.tasks(1)]
    for account_name, task in stays:
        labels = f'account="{account_name}",task="{task}"'
        total = f'yunfu_task_calls_total{{{labels},outcome="unanswered"}}'
        for line in (
            f"yunfu_task_answered_calls{{{labels}}}",
            f"yunfu_task_last_success_timestamp_seconds{{{labels}}}",
            total,
        ):
            assert [number for number, scrape in enumerate(scrapes) if line not in scrape] == [], line
        assert {scrape[f"yunfu_task_up{{{labels}}}"] for scrape in scrapes} == {"1"}
        totals = [float(scrape[total]) for scrape in scrapes]
        assert totals == sorted(totals)


def test_changed_labels_thresholds_and_intervals_show(daily: Daily) -> None:
    """What a reload changes of a task is on the page, without waiting for its next poll."""
    task, other = daily.tasks()[:2]
    poll = {"interval": "50s", "idle_interval": "50s", "timeout": "5s", "stale_after": "60s"}
    listed = [{"id": task, "min_answer_ratio": 0.5, "name": "新名", "labels": {"team": "retention"}}, {"id": other}]
    assert daily.reload(daily.account(tasks=listed), poll=poll, thresholds={"min_answer_ratio": 0.3}).status == 200
    eventually(lambda: daily.value("yunfu_task_info", task=task, team="retention") and "新名" in daily.page())
    page = daily.page()
    assert find(page, "yunfu_task_answer_ratio_threshold", task=task) == 0.5
    assert find(page, "yunfu_task_answer_ratio_threshold", task=other) == 0.3
    assert find(page, "yunfu_task_info", task=other, team="") == 1
    assert find(page, "yunfu_task_poll_interval_seconds", task=other) == 50
    assert daily.reload(daily.account(), thresholds={"min_answer_ratio": 0.4}).status == 200
    eventually(lambda: daily.value("yunfu_task_answer_ratio_threshold", task=task) == 0.4)
    assert "team=" not in daily.page()
    assert daily.value("yunfu_task_poll_interval_seconds", task=other) == 0.05


def test_changed_rules_show_and_lose_nothing(daily: Daily) -> None:
    """Rules that come, change and go with reloads change threshold and labels of discovered tasks; their counters go on."""
    task, name = next((task.id, task.name) for task in daily.platform.simulator.accounts[0].tasks.values())
    discovered: dict[str, Any] = {"tasks": [], "discovery": {"states": ["running", "waiting", "paused"]}}

    def calls() -> float:
        return daily.value("yunfu_task_calls_total", task=task, outcome="unanswered") or 0

    assert daily.reload(daily.account(**discovered)).status == 200
    eventually(lambda: calls() > 0)
    before = calls()
    for ratio, team in ((0.6, "retention"), (0.7, "新客")):
        rules = [
            {"match": ".*", "min_answer_ratio": ratio, "labels": {"team": "?"}},
            {"match": re.escape(name), "labels": {"team": team}},
        ]
        assert daily.reload(daily.account(**discovered, rules=rules)).status == 200
        eventually(lambda team=team: daily.value("yunfu_task_info", task=task, team=team))  # type: ignore[misc]
        assert daily.value("yunfu_task_answer_ratio_threshold", task=task) == ratio
        shown = fetch(f"{daily.url}/task?account=main&task={task}").text
        assert team in shown
        assert f"min {100 * ratio:.0f}" in shown
        assert calls() >= before
    assert daily.reload(daily.account(**discovered)).status == 200
    eventually(lambda: daily.value("yunfu_task_answer_ratio_threshold", task=task) == 0.2)
    assert "team=" not in daily.page()
    assert calls() >= before


def test_a_token_that_was_changed_in_place_is_read_by_a_reload(daily: Daily) -> None:
    """A token file of the same size and time as before looks unchanged, but a reload reads it in any case."""
    right, file = daily.platform.simulator.accounts[0].token, daily.config.with_name("token")
    account = daily.account(token_file=str(file))
    del account["token"]
    for token in ("x" * len(right), right):
        file.write_text(token)
        os.utime(file, (1, 1))
        assert daily.reload(account).status == 200
        eventually(lambda up=token == right: daily.value("yunfu_account_up", account="main") == up)  # type: ignore[misc]


def test_changed_windows_show(daily: Daily) -> None:
    """A new window comes with the next polls; one that is no longer asked for leaves at once, and not when it is stale."""
    daily.reload(daily.account(), windows=["1h", "today"])
    eventually(lambda: daily.page().count("yunfu_task_window_answered_calls{") == 2 * len(daily.tasks()))
    daily.reload(daily.account(), windows=["today"])
    eventually(lambda: 'window="1h"' not in daily.page())
    assert daily.page().count('window="today",status="connected"') == len(daily.tasks())


def test_changed_links_show(daily: Daily) -> None:
    """The addresses that alerts lead to are those of the last reload, one beside an empty one, and gone without any."""
    name = "yunfu_exporter_links_info"
    assert name + "{" not in daily.page()
    for links in (
        {"grafana": "https://g.example.com/", "runbook": None},
        {"grafana": None, "runbook": "https://w.example.com/r.md"},
    ):
        assert daily.reload(daily.account(), links=links).status == 200
        shown = {key: (value or "").rstrip("/") for key, value in links.items()}
        assert daily.value(name) == daily.value(name, **shown) == 1
    assert daily.reload(daily.account()).status == 200
    assert name + "{" not in daily.page()


def test_addresses_cannot_change(daily: Daily) -> None:
    """Another listen or health_listen is refused whole, by name and with what to do."""
    reply = daily.reload(daily.account("other"), listen="127.0.0.1:1", health_listen="127.0.0.1:2")
    assert reply.status == 500
    assert reply.text.splitlines()[1:] == [
        "listen: cannot be changed by a reload; restart the exporter for it",
        "health_listen: cannot be changed by a reload; restart the exporter for it",
    ]
    assert daily.value("yunfu_account_up", account="main") == 1
    assert 'account="other"' not in daily.page()


def test_an_inline_token_is_rotated(daily: Daily) -> None:
    """A refused token holds the account back for a minute; a reload with another one ends that at once."""
    daily.reload(daily.account(token="expired"))
    eventually(lambda: daily.value("yunfu_account_up", account="main") == 0)
    assert daily.value(SUCCESSFUL) == 1
    daily.reload(daily.account())
    eventually(lambda: daily.value("yunfu_account_up", account="main") == 1, seconds=5)


def test_the_log_level_takes_effect(daily: Daily) -> None:
    """A reload to errors only is silent; back at info, as JSON, it is told."""
    before = daily.program.logs
    assert daily.reload(daily.account(), log={"level": "error"}).status == 200
    assert daily.reload(daily.account("another"), log={"level": "error"}).status == 200
    assert daily.program.logs == before
    assert daily.reload(daily.account(), log={"level": "info", "format": "json"}).status == 200
    assert json.loads(daily.program.logs.splitlines()[-1])["msg"] == "configuration reloaded"


def test_many_reloads_at_once_all_get_an_answer(daily: Daily) -> None:
    """Reloads that are asked for together are each done, and leave one working configuration."""
    replies: list[int] = []
    threads = [
        threading.Thread(target=lambda: replies.append(fetch(f"{daily.url}/-/reload", "POST").status)) for _ in range(8)
    ]
    daily.write(daily.account("crowded"))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [200] * 8
    eventually(lambda: daily.value("yunfu_account_up", account="crowded") == 1)
    assert daily.page().count("yunfu_task_up{") == 4


def test_a_reload_just_before_the_end_does_not_keep_it_alive(tmp_path: Path) -> None:
    """SIGHUP and SIGTERM one after the other end it with status 0, whatever the reload starts anew."""
    url = f"http://127.0.0.1:{free_port()}"
    with simulated(SimulatorOptions(tasks=2)) as platform:
        config = write_config(tmp_path / "c", platform.account(), listen=url.removeprefix("http://"))
        with running(tmp_path, "--config", str(config)) as program:
            eventually(answers(f"{url}/readyz"))
            write_config(config, platform.account("new"), listen=url.removeprefix("http://"))
            program.process.send_signal(signal.SIGHUP)
            assert program.stop() == 0
            assert "traceback" not in program.logs


class Loader:
    """Loads what a test gives it, when the test lets it; counts those at work."""

    def __init__(self) -> None:
        self.port = free_port()
        self.settings = self.named("main")
        self.let_go = threading.Event()
        self.asked = threading.Event()
        self.at_work = self.most = 0

    def named(self, *names: str, **more: object) -> Settings:
        """Make settings with accounts of these names, on a platform that does not answer."""
        same = {
            "base_url": "http://127.0.0.1:9",
            "user_id": "40863af8-db4a-41c6-a269-eb5bc386d97f",
            "token": "x",
            **more,
        }
        accounts = [{"name": name, "tasks": [{"id": TASK}], **same} for name in names]
        return Settings.model_validate({"listen": f"127.0.0.1:{self.port}", "accounts": accounts})

    def __call__(self) -> tuple[Settings, dict[str, Token]]:
        """Load."""
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        self.asked.set()
        self.let_go.wait(10)
        self.at_work -= 1
        return self.settings, self.tokens()

    def tokens(self) -> dict[str, Token]:
        """Return the tokens of the settings."""
        return {each.name: Token(each.token.get_secret_value()) for each in self.settings.accounts if each.token}

    def daemon(self) -> Daemon:
        """Make a daemon that loads by this."""
        return make_daemon(self.settings, self.tokens(), self)


async def start(daemon: Daemon) -> asyncio.Task[None]:
    """Run a daemon, and wait until it is ready."""
    running = asyncio.create_task(daemon.run())
    await daemon.ready.wait()
    return running


async def end(daemon: Daemon, running: asyncio.Task[None]) -> None:
    """Stop a daemon and wait for its end."""
    daemon.stop()
    async with asyncio.timeout(10):
        await running


async def test_reloads_come_one_after_the_other() -> None:
    """While one reload is under way the next one waits."""
    loader = Loader()
    daemon = loader.daemon()
    running = await start(daemon)
    first = asyncio.ensure_future(daemon.reload())
    await asyncio.to_thread(loader.asked.wait, 10)
    second = asyncio.ensure_future(daemon.reload())
    loader.let_go.set()
    assert [*await first, *await second] == []
    assert loader.most == 1
    await end(daemon, running)


async def test_a_client_that_goes_away_does_not_cut_a_reload_in_half() -> None:
    """A reload whose client has gone is done to the end: the accounts of the new configuration run."""
    loader = Loader()
    daemon = loader.daemon()
    running = await start(daemon)
    loader.settings = loader.named("main", "second")
    reader, writer = await asyncio.open_connection("127.0.0.1", loader.port)
    writer.write(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    await asyncio.to_thread(loader.asked.wait, 10)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    assert (await asyncio.to_thread(fetch, f"http://127.0.0.1:{loader.port}/healthz")).status == 200
    loader.let_go.set()
    assert await daemon.reload() == []  # comes after the one under way
    assert b'account="second"' in daemon.exposition()
    assert reader.at_eof()
    await end(daemon, running)


async def test_a_reload_under_way_is_waited_for_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping waits for a configuration that is being put in force; a reload that comes later is told so."""
    loader, swapping, let_go = Loader(), asyncio.Event(), asyncio.Event()
    daemon = loader.daemon()
    running = await start(daemon)
    loader.settings = loader.named("renamed")
    loader.let_go.set()
    plain = daemon._running.end

    async def slow(names: Sequence[str]) -> None:
        swapping.set()
        await let_go.wait()
        await plain(names)

    monkeypatch.setattr(daemon._running, "end", slow)
    reload = asyncio.ensure_future(daemon.reload())
    await swapping.wait()
    late = asyncio.ensure_future(daemon.reload())
    daemon.stop()
    let_go.set()
    assert await reload == []
    assert await late == ["the exporter is stopping"]
    await end(daemon, running)


async def test_the_end_waits_for_no_file() -> None:
    """A reload whose files do not answer is given up at the end, and so is the one that waits for it."""
    loader = Loader()
    daemon = loader.daemon()
    running = await start(daemon)
    reload = asyncio.ensure_future(daemon.reload())
    await asyncio.to_thread(loader.asked.wait, 10)
    late = asyncio.ensure_future(daemon.reload())
    await end(daemon, running)
    assert await reload == await late == ["the exporter is stopping"]
    loader.let_go.set()


async def test_faults_of_the_new_configuration_change_nothing() -> None:
    """A load that finds faults hands them back, and the same accounts go on."""
    loader = Loader()
    faults: Sequence[str] = ("a: wrong", "b: wrong too")

    def load() -> tuple[Settings, dict[str, Token]]:
        raise SettingsError(faults)

    daemon = make_daemon(loader.settings, {"main": Token("x")}, load)
    running = await start(daemon)
    accounts = dict(daemon._running.tasks)
    assert tuple(await daemon.reload()) == faults
    assert daemon._running.tasks == accounts
    await end(daemon, running)


async def test_a_load_that_breaks_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A load that breaks as nobody foresaw is a fault of the reload, which says no secret, and the same accounts go on."""
    loader = Loader()

    def load() -> tuple[Settings, dict[str, Token]]:
        raise RuntimeError("planted")

    daemon = make_daemon(loader.settings, loader.tokens(), load)
    running = await start(daemon)
    accounts = dict(daemon._running.tasks)
    assert await daemon.reload() == ["the reload broke off with RuntimeError; see the log for the traceback"]
    assert daemon._running.tasks == accounts
    assert find(daemon.exposition().decode(), SUCCESSFUL) == 0
    assert "reload broke off" in caplog.text
    await end(daemon, running)


@pytest.mark.parametrize("where", ["set_up", "Running.forget", "Running.start"])
async def test_a_swap_that_breaks_goes_back(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever putting a new configuration in force breaks, the accounts and labels of the one before are there again."""
    loader = Loader()
    loader.let_go.set()
    daemon = loader.daemon()
    running = await start(daemon)
    before = loader.settings
    loader.settings = loader.named("second", tasks=[{"id": TASK, "labels": {"team": "a"}}])
    parts = where.split(".")
    owner = Running if len(parts) > 1 else reloading
    plain, left = getattr(owner, parts[-1]), [RuntimeError("unforeseen")]

    def breaks_once(*words: Any) -> Any:
        if left:
            raise left.pop()
        return plain(*words)

    monkeypatch.setattr(owner, parts[-1], breaks_once)
    assert await daemon.reload() == ["the reload broke off with RuntimeError; see the log for the traceback"]
    assert daemon.settings is before
    assert set(daemon._running.tasks) == {"main"}
    assert not daemon._running.tasks["main"].done()
    async with asyncio.timeout(10):
        while b'yunfu_task_info{account="main"' not in daemon.exposition():  # noqa: ASYNC110  # no event tells it
            await asyncio.sleep(0)
    assert b"team=" not in daemon.exposition()
    assert await daemon.reload() == []  # and the next one works
    assert set(daemon._running.tasks) == {"second"}
    await end(daemon, running)


@pytest.mark.parametrize(
    ("name", "change", "held"),
    [
        ("main", {"rate_limit": 2}, True),
        ("main", {"token": "other"}, False),
        ("main", {"base_url": "http://127.0.0.1:10"}, False),
        ("other", {}, True),
    ],
    ids=["rate", "token", "platform", "account"],
)
async def test_a_hold_outlives_a_reload(name: str, change: dict[str, object], *, held: bool) -> None:
    """A token that the platform holds back stays held back, whichever account uses it; another token or platform is not."""
    loader = Loader()
    loader.let_go.set()
    daemon = loader.daemon()
    running = await start(daemon)
    first = daemon._running.accounts["main"]
    first.client.gate.quota.hold("stat", 1000)
    loader.settings = loader.named(name, **change)
    assert await daemon.reload() == []
    async with asyncio.timeout(10):
        while daemon._running.accounts.get(name) in {None, first}:  # noqa: ASYNC110  # no event tells it
            await asyncio.sleep(0)
    assert (daemon._running.accounts[name].client.held_seconds > 900) is held
    await end(daemon, running)


def test_a_changed_file_is_taken_up_by_itself(daily: Daily) -> None:
    """With auto_reload a changed file is in force without a signal, also one that replaces it; a fault is told as ever."""
    daily.reload(daily.account(), auto_reload=True)
    other = daily.config.with_name("other.yaml")
    write_config(other, daily.account("renamed"), listen=daily.url.removeprefix("http://"), auto_reload=True)
    other.replace(daily.config)
    eventually(lambda: daily.value("yunfu_account_tasks", account="renamed", state="running") is not None)
    daily.config.write_text("accounts: []")
    eventually(lambda: daily.value(SUCCESSFUL) == 0)


async def test_a_changed_file_waits_to_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without auto_reload, the default, a changed file is not even read."""
    monkeypatch.setattr(daemon_module, "WATCH_SECONDS", 0.001)
    loader, looks = Loader(), threading.Semaphore(0)

    class Changing(Watched):
        def has_changed(self) -> bool:
            looks.release()
            return True

    daemon = make_daemon(loader.settings, loader.tokens(), loader, Changing())
    running = asyncio.create_task(daemon.run())
    for _ in range(3):
        assert await asyncio.to_thread(looks.acquire, timeout=10)
    assert not loader.asked.is_set()
    await end(daemon, running)
