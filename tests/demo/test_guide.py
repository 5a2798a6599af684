"""The demo's words: what somebody reads who tries it first."""

import re
from pathlib import Path

import pytest

from tests.support.programs import demo_addresses, eventually, fetch, running


@pytest.mark.parametrize(
    ("incident", "what"),
    [("carrier_block", "the carrier blocks most of its calls"), ("bad_list", "most of its numbers are dead")],
)
def test_the_task_in_trouble_is_named(incident: str, what: str, tmp_path: Path) -> None:
    """With an incident from the start, the demo says which task has it and leads to its page; without, it says nothing."""
    exporter, _, words = demo_addresses()
    with running(tmp_path, *words, "--tasks=4", "--incident", incident) as program:
        text = eventually(lambda: program.printed if "Its page" in program.printed else "")
        name, said = re.findall(r"^(\S+) has been put into trouble: (.*)$", text, re.MULTILINE)[0]
        assert said == f"{what} (--incident {incident})."
        page = re.findall(r"^Its page, as it happens:  (\S+)$", text, re.MULTILINE)[0]
        assert page.startswith(f"http://{exporter}/task?account=demo&task=")
        assert name in fetch(page).text
        assert "Its alert" not in text
    with running(tmp_path, *words, "--tasks=4") as program:
        eventually(lambda: "yunfu_task_numbers{" in program.printed)
        assert "trouble" not in program.printed


def test_the_demo_speaks_chinese_where_the_locale_does(tmp_path: Path) -> None:
    """Everything but names and addresses is Chinese then."""
    _, _, words = demo_addresses()
    environment = {"LANG": "zh_CN.UTF-8", "PATH": str(tmp_path)}
    with running(tmp_path, *words, "--tasks=4", "--stack", "--incident=carrier_block", env=environment) as program:
        text = eventually(lambda: program.printed if "YunfuTaskCarrierBlocked" in program.printed else "")
        assert program.stop() == 0
        assert program.printed.endswith("\n已停止\n")
    assert re.search(r"^每 5 秒采集 4 个任务；模拟时间以 20 倍速推进。$", text, re.MULTILINE)
    assert re.search(r"^约 30 秒内会触发告警 YunfuTaskCarrierBlocked。$", text, re.MULTILINE)
    for line in text.splitlines():
        assert not line or line.startswith("yunfu_task_") or re.search("[\u4e00-\u9fff]", line), line
