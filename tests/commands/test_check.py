"""The command check as users type it."""

from __future__ import annotations

import json

import pytest

from exporter.demo.simulator import Fault
from tests.support.commands import Command
from tests.support.programs import Platform


def test_check_says_that_all_is_well(command: Command) -> None:
    """A good configuration gets its budget; --live also makes first contact, and ends with the verdict."""
    plain, live = command("check"), command("check", "--live")
    assert (plain.status, plain.err) == (0, "")
    assert plain.out.startswith("the configuration is good\naccount default: ")
    assert "first contact" not in plain.out
    assert "add --live" in plain.out
    assert "add --live" not in live.out
    assert (live.status, live.err) == (0, "")
    assert live.out.startswith("the configuration is good\naccount default: 5 tasks; if all run, they need ")
    assert "\naccount default: first contact with http://127.0.0.1:" in live.out
    assert live.out.splitlines()[-1].startswith("  verdict: The platform answers as documented: ")


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (Fault(kind="expired_token"), "The platform refuses the token (HTTP 401 saying "),
        (Fault(kind="envelope", status=401), "The platform refuses the token (HTTP 200 with code 401 saying "),
        (Fault(kind="html"), "A web page came from /agent-api/user/"),
        (Fault(kind="unknown_format", endpoint="stat"), "The platform answers, but /agent-api/user/"),
        (
            Fault(kind="status", status=404, endpoint="tasks"),
            "The platform does not give the list Tasks 1.0 (HTTP 404 saying ",
        ),
    ],
    ids=str,
)
def test_what_does_not_work_is_status_1(platform: Platform, command: Command, fault: Fault, verdict: str) -> None:
    """A configuration that is good but does not work has its verdict and status 1."""
    platform.simulator.faults.append(fault)
    done = command("check", "--live")
    assert (done.status, done.err) == (1, "")
    assert done.out.splitlines()[-1].startswith(f"  verdict: {verdict}")
    assert "add --live" not in done.out


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (
            {"user_id": "40863af8-db4a-41c6-a269-eb5bc386d97f"},
            "The platform accepts the token, but not the user_id 40863af8-",
        ),
        ({"token": "wrong"}, "The platform refuses the token (HTTP 401"),
        ({"base_url": "http://127.0.0.1:9"}, "No answer to /agent-api/user/"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named(env: dict[str, str], command: Command, change: dict[str, str], verdict: str) -> None:
    """Each of the three values has its own sentence if it is wrong."""
    account = json.loads(env["YUNFU_ACCOUNTS"])[0] | change
    done = command("check", "--live", YUNFU_ACCOUNTS=json.dumps([account]))
    assert done.status == 1
    assert done.out.splitlines()[-1].startswith(f"  verdict: {verdict}")


def test_a_path_too_much_has_the_address_to_try(platform: Platform, env: dict[str, str], command: Command) -> None:
    """The /agent-api that the exporter adds itself is named, with the base_url that works."""
    account = json.loads(env["YUNFU_ACCOUNTS"])[0]
    done = command("check", "--live", YUNFU_ACCOUNTS=json.dumps([account | {"base_url": f"{platform.url}/agent-api"}]))
    assert done.out.endswith(f"try base_url: {platform.url}\n")
    assert "There is no API at /agent-api/agent-api/user/" in done.out


@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "zh_CN.UTF-8"}, {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN.UTF-8"}]
)
def test_it_speaks_the_terminals_language(command: Command, locale: dict[str, str]) -> None:
    """Where the locale is Chinese, so is the report."""
    done = command("check", "--live", **locale)
    assert done.out.startswith("配置有效\n账号 default：5 个任务；若全部运行，每分钟需要 ")
    assert "\n  足够每 1 分钟采集 " in done.out
    assert "账号 default：首次连接" in done.out
    assert done.out.splitlines()[-1].startswith("  结论：平台的应答与文档一致")


def test_a_terminal_in_chinese_says_what_the_platform_knows(command: Command) -> None:
    """Without --live, the line that advises it is Chinese, too."""
    assert "账号 default：任务数量只有平台知道，加上 --live 即可查询\n" in command("check", LC_ALL="zh_CN.UTF-8").out


def test_a_reason_begins_in_the_terminals_language(env: dict[str, str], command: Command) -> None:
    """Why there is no answer is said in Chinese before the words that the log has for it."""
    account = json.loads(env["YUNFU_ACCOUNTS"])[0] | {"base_url": "http://127.0.0.1:9"}
    done = command("check", "--live", LC_ALL="zh_CN.UTF-8", YUNFU_ACCOUNTS=json.dumps([account]))
    assert "没有应答：连接失败（cannot connect to http://127.0.0.1:9: Connection refused）" in done.out
