"""The pages in a real Chromium: what a person sees against what the simulated platform says.

With TEST_ARTIFACTS set to a directory, pictures of what was seen are kept there.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from exporter.demo.simulator import Fault, SimulatorOptions
from tests.support.programs import Platform, answers, eventually, fetch, free_port, running, simulated, write_config
from tests.support.stack import HALF_PAST_NINE
from tests.support.tools import need, need_file

FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
AXE: Final = Path.home() / ".cache/axe-core/node_modules/axe-core/axe.min.js"
HOSTILE: Final = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
HIDDEN: Final = "隐藏的任务"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
TASK: Final = 'th.name a[href^="task?"]'


def expired_token() -> str:
    """Make a JWT that expired two hours ago."""
    parts = ({"alg": "RS256"}, {"exp": time.time() - 7200})
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".c2ln"
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run a browser for the module."""
    path = need("chromium", "apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Reader:
    """Someone who looks at the pages; what the browser complains of is collected."""

    context: BrowserContext
    base: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        """Open a page of the exporter."""
        page = self.context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(self.base + path)
        return page

    def check(self) -> None:
        """See that there was nothing to complain of, and that nobody but the exporter was asked for anything."""
        assert self.complaints == []
        assert {urlsplit(url).netloc for url in self.requests} <= {urlsplit(self.base).netloc}


Readers = Callable[..., Any]


@pytest.fixture
def readers(browser: Browser) -> Readers:
    """Make readers: in a language, in a colour scheme, at a screen, with or without JavaScript."""

    @contextmanager
    def reader(base: str, language: str = "en-US", **options: Any) -> Iterator[Reader]:
        context = browser.new_context(locale=language, viewport=options.pop("viewport", WIDE), **options)
        context.set_default_timeout(20_000)
        it = Reader(context, base)
        yield it
        it.check()
        context.close()

    return reader


@dataclass
class Served:
    """An exporter that has read all it can of a platform whose time stands still."""

    platform: Platform
    url: str

    @property
    def tasks(self) -> list[str]:
        """The ids of the first account's tasks, the running ones first."""
        tasks = self.platform.simulator.accounts[0].tasks
        return sorted(tasks, key=lambda task: self.truth(task)["state"] != "running")

    def truth(self, task: str) -> dict[str, Any]:
        """Return what really happened to a task."""
        return self.platform.simulator.truth(task)


@contextmanager
def exporting(
    platform: Platform, directory: Path, *accounts: dict[str, object], tasks: int, **more: object
) -> Iterator[Served]:
    """Run the exporter until that number of tasks has been read."""
    port = free_port()
    config = write_config(directory / f"{port}.json", *accounts, listen=f"127.0.0.1:{port}", **more)
    with running(directory, "serve", "--config", str(config)) as program:
        url = f"http://127.0.0.1:{port}"
        eventually(answers(f"{url}/healthz"))
        eventually(lambda: fetch(f"{url}/metrics").text.count("\nyunfu_task_answered_calls{") >= tasks, seconds=90)
        assert program.process.poll() is None
        yield Served(platform, url)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve two accounts; one's token expired two hours ago, the other has a hostile name and a task that fails."""
    directory = tmp_path_factory.mktemp("shop")
    with simulated(SimulatorOptions(tasks=12, accounts=2, speed=0, start=HALF_PAST_NINE)) as platform:
        simulator = platform.simulator
        simulator.advance(5400)
        tasks = simulator.accounts[0].tasks
        hostile, failing, _, hidden, *_ = Served(platform, "").tasks
        tasks[hostile].name, tasks[hidden].name = HOSTILE, HIDDEN
        simulator.faults.append(Fault(kind="status", status=502, task=failing))
        expired = {"name": "cards", "token": expired_token(), "tasks": [], "discovery": {}}
        main = platform.account(tasks=[], discovery={"states": ["running", "waiting"], "exclude": HIDDEN})
        with exporting(platform, directory, main, {**platform.account(index=1), **expired}, tasks=6) as served:
            yield served


def shoot(page: Page, name: str) -> None:
    """Keep a picture, if they are wanted."""
    if directory := os.environ.get("TEST_ARTIFACTS"):
        page.screenshot(path=Path(directory) / f"{name}.png", full_page=True)


def test_a_person_sees_what_the_platform_says(shop: Served, readers: Readers) -> None:
    """Name, state, progress, answer rate and numbers of every task are those that really happened."""
    with readers(shop.url) as reader:
        page = reader.open()
        seen = {}
        for row in page.locator("table.tasks tbody").all():
            link = row.locator(TASK)
            seen[(link.get_attribute("href") or "")[-36:]] = link.inner_text(), row.inner_text()
        failing = shop.tasks[1]
        for task, (name, text) in seen.items():
            truth = shop.truth(task)
            calls = truth["answered"] + truth["unanswered"]
            assert name == re.sub(r"\s+", " ", truth["name"])
            assert truth["state"].capitalize() in text
            if truth["state"] == "paused" or task == failing:
                assert "numbers" not in text
                continue
            assert f"{calls:,} calls" in text
            assert f"{truth['answered'] / calls:.1%}".replace(".0%", "%") in text
            assert f"{sum(truth['numbers']):,} numbers" in text
        assert "HTTP 502" in seen[failing][1]
        assert len(seen) == sum(shop.truth(task)["name"] != HIDDEN for task in shop.tasks)


def test_the_expired_token_is_seen_at_once(shop: Served, readers: Readers) -> None:
    """The verdict names the account, and a notice says since when and what to do."""
    with readers(shop.url) as reader:
        page = reader.open()
        expect(page.locator("h1")).to_have_text("Cannot be trusted")
        expect(page.locator("#rest")).to_contain_text("account cards cannot use the platform")
        expect(page.locator("table.accounts tbody").first).to_contain_text("expired 2 h ago")
        notice = page.locator(".notices li.bad", has_text="cards")
        expect(notice).to_contain_text("Get a new one on the platform and put it in the token file")
        expect(notice).to_contain_text("http_401")
        assert "eyJ" not in page.content()


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("overview", "/"),
        ("unpolled", "/?show=unpolled"),
        ("task", "/task?account=main&task={}"),
        ("missing", "/task?account=nobody&task={}"),
    ],
)
def test_axe_finds_nothing(shop: Served, readers: Readers, name: str, path: str, language: str, scheme: str) -> None:
    """Contrast, labels, roles and landmarks hold in both languages and both colour schemes."""
    axe = need_file(AXE, f"npm install --prefix {AXE.parents[2]} axe-core@4").read_text(encoding="utf-8")
    with readers(shop.url, language, color_scheme=scheme) as reader:
        page = reader.open(path.format(shop.tasks[2]))
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
        shoot(page, f"{name}-{language}-{scheme}")
        violations = [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found["violations"]]
        assert violations == []
        assert [each["nodes"][:3] for each in found["incomplete"] if each["id"] == "color-contrast"] == []
        if name == "missing":
            reader.complaints[:] = [text for text in reader.complaints if "404" not in text]


def test_a_switched_language_stays(shop: Served, readers: Readers) -> None:
    """The browser's language at first, then the one switched to, on every page."""
    with readers(shop.url, "zh-CN") as reader:
        page = reader.open()
        expect(page.locator("#rest")).to_contain_text("账号 cards 无法访问平台")
        page.get_by_role("link", name="English").click()
        expect(page.locator("#rest")).to_contain_text("account cards cannot use the platform")
        expect(page).to_have_url(f"{shop.url}/")
        page.locator(TASK).last.click()
        expect(page.locator("html")).to_have_attribute("lang", "en")


def test_names_are_text(shop: Served, readers: Readers) -> None:
    """A name with markup in it is shown as it is and does nothing, on both pages."""
    with readers(shop.url) as reader:
        page = reader.open()
        link = page.get_by_role("link", name="<img src=x")
        expect(link).to_have_text(HOSTILE)
        link.click()
        expect(page.locator("h1")).to_contain_text(HOSTILE)
        expect(page.locator("pre")).to_contain_text("onerror=")
        assert page.locator("main img, main script").count() == 0
        assert "owned" not in page.title().partition("<img")[0]
        assert page.evaluate("document.scripts.length") == 1


def test_a_task_s_page_has_its_lines_and_polls(shop: Served, readers: Readers) -> None:
    """The lines are those of /metrics, and the last polls are there."""
    task = shop.tasks[2]
    with readers(shop.url) as reader:
        page = reader.open(f"/task?account=main&task={task}")
        lines = page.locator("pre").inner_text().splitlines()
        scraped = [line for line in fetch(f"{shop.url}/metrics").text.splitlines() if task in line]
        moving = ("last_success", "interval")
        assert [line for line in lines if not line.startswith("#") and not any(part in line for part in moving)] == [
            line for line in scraped if not any(part in line for part in moving)
        ]
        expect(page.locator("ol.polls li").first).to_contain_text("read")
        assert 1 <= page.locator("ol.polls li").count() <= 20
        expect(page.get_by_role("heading", name="Last request")).to_be_visible()
        expect(page.locator("dl.facts", has_text="HTTP status")).to_contain_text(f"/task/{task}/stat")


def test_without_javascript_all_is_there(shop: Served, readers: Readers) -> None:
    """Filter, sorting, task pages and languages work by plain links and forms."""
    with readers(shop.url, java_script_enabled=False) as reader:
        page = reader.open()
        expect(page.get_by_text("Reload the page to see newer numbers.")).to_be_visible()
        expect(page.get_by_role("button", name="Pause")).to_be_hidden()
        page.get_by_label("Name or id").fill(shop.tasks[4][:8])
        page.get_by_role("button", name="Apply").click()
        expect(page.locator(TASK)).to_have_count(1)
        page.get_by_role("link", name="Clear").click()
        page.get_by_role("link", name="Progress").click()
        expect(page.locator("th[aria-sort=ascending]")).to_have_text("Progress")
        page.get_by_label("Show").select_option("unpolled")
        page.get_by_role("button", name="Apply").click()
        expect(page.locator(".hidden-tasks li").first).to_contain_text("its name matches discovery.exclude")
        page.locator(".hidden-tasks a").first.click()
        expect(page.locator("main")).to_contain_text("its name matches discovery.exclude")


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_a_phone_does_not_scroll_sideways(shop: Served, readers: Readers, language: str) -> None:
    """At 360 pixels everything is within the screen, and what a finger is to hit is there."""
    with readers(shop.url, language, viewport=PHONE, is_mobile=True, has_touch=True) as reader:
        for name, path in (("overview", "/"), ("task", f"/task?account=main&task={shop.tasks[0]}")):
            page = reader.open(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            shoot(page, f"phone-{name}-{language}")


def test_the_keyboard_leads_everywhere(shop: Served, readers: Readers) -> None:
    """The first key leads past the header, and what has the focus is seen to have it."""
    with readers(shop.url) as reader:
        page = reader.open()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_page_refreshes_without_jumping(shop: Served, readers: Readers) -> None:
    """New numbers come in by themselves; typed text, focus and place stay, and nothing is loaded anew but the page."""
    with readers(shop.url) as reader:
        page = reader.open()
        page.clock.install()
        page.reload()
        link = page.locator(TASK).nth(3)
        link.focus()
        target = link.get_attribute("href")
        page.evaluate("scrollTo(0, 200)")
        reader.requests.clear()
        moving = shop.tasks[2]
        shop.platform.simulator.advance(600)
        answered = shop.truth(moving)["answered"]
        eventually(
            lambda: (
                f'yunfu_task_answered_calls{{account="main",task="{moving}"}} {answered}\n'
                in fetch(f"{shop.url}/metrics").text
            )
        )
        page.clock.run_for(10_500)
        row = page.locator("table.tasks tbody", has=page.locator(f'a[href$="{moving}"]'))
        expect(row).to_contain_text(f"{answered + shop.truth(moving)['unanswered']:,} calls")
        assert page.evaluate("document.activeElement.getAttribute('href')") == target
        assert page.evaluate("scrollY") == 200
        assert {urlsplit(url).path for url in reader.requests} == {"/"}


def test_typing_filters_at_once(shop: Served, readers: Readers) -> None:
    """With JavaScript the list follows what is typed, and a refresh takes nothing of it away."""
    with readers(shop.url) as reader:
        page = reader.open()
        field_ = page.get_by_label("Name or id")
        field_.press_sequentially(shop.tasks[4][:6])
        expect(page.locator(TASK)).to_have_count(1)
        expect(field_).to_be_focused()
        expect(page).to_have_url(f"{shop.url}/?q={shop.tasks[4][:6]}")
        page.get_by_label("Show").select_option("look")
        expect(page.locator("#tasks")).to_contain_text("No task matches the filter.")
        expect(field_).to_have_value(shop.tasks[4][:6])
        page.get_by_role("link", name="Clear").click()
        expect(page.locator(TASK)).not_to_have_count(1)


def test_a_hidden_or_paused_page_asks_for_nothing(shop: Served, readers: Readers) -> None:
    """Nobody looks, so nothing is fetched; coming back brings the newest at once."""
    with readers(shop.url) as reader:
        page = reader.open()
        page.clock.install()
        page.reload()
        page.get_by_role("button", name="Pause").click()
        reader.requests.clear()
        page.clock.run_for(60_000)
        assert reader.requests == []
        page.get_by_role("button", name="Resume").click()
        eventually(lambda: page.wait_for_timeout(20) or len(reader.requests) == 1)
        page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.clock.run_for(60_000)
        assert len(reader.requests) == 1
        page.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        eventually(lambda: page.wait_for_timeout(20) or len(reader.requests) == 2)


def test_a_lost_exporter_is_said_and_so_is_its_return(shop: Served, readers: Readers) -> None:
    """What is seen stays, with the time it is of; when the exporter answers again the notice goes."""
    with readers(shop.url) as reader:
        page = reader.open()
        page.clock.install()
        page.reload()
        reader.context.set_offline(True)
        page.clock.run_for(10_500)
        expect(page.locator("#offline")).to_be_visible()
        seen = page.locator("#rest time").get_attribute("datetime") or ""
        expect(page.locator("#offline")).to_contain_text(f"does not answer; what you see is as of {seen[11:19]} UTC+8.")
        expect(page.locator("table.tasks")).to_be_visible()
        shoot(page, "offline")
        reader.context.set_offline(False)
        page.clock.run_for(10_500)
        expect(page.locator("#offline")).to_be_hidden()
        reader.complaints[:] = [text for text in reader.complaints if "ERR_INTERNET_DISCONNECTED" not in text]


def test_five_thousand_tasks_are_looked_through(readers: Readers, tmp_path: Path) -> None:
    """The browser gets a page of fifty in good time, and finds one of 5,000 by its name."""
    options = SimulatorOptions(tasks=5000, speed=0, scale=0.02, history=False, start=HALF_PAST_NINE)
    with simulated(options) as platform:
        account = platform.account(tasks=[], discovery={"interval": "10m"})
        poll = {"interval": "10m", "idle_interval": "10m", "timeout": "5s", "stale_after": "10m"}
        with exporting(platform, tmp_path, account, tasks=100, poll=poll) as served, readers(served.url) as reader:
            started = time.monotonic()
            page = reader.open()
            took = time.monotonic() - started
            expect(page.locator("nav.pages")).to_contain_text("1–50 of 5,000")
            assert page.locator(TASK).count() == 50
            assert took < 10  # a second, where nothing else runs
            page.get_by_role("link", name="Last").click()
            expect(page.locator("nav.pages")).to_contain_text("4,951–5,000 of 5,000")
            wanted = served.tasks[4321]
            page.get_by_label("Name or id").fill(wanted)
            expect(page.locator(TASK)).to_have_count(1)
            page.locator(TASK).click()
            expect(page.locator("dl.facts").first).to_contain_text(wanted)
