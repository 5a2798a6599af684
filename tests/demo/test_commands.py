"""The demo: what someone sees who tries it first."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path

from tests.support.programs import answers, demo_addresses, eventually, fetch, run_program, running

TASK = r'account="demo",task="[0-9a-f-]{36}"'


def answered(url: str) -> dict[str, str]:
    """Scrape the number of answered calls of each task."""
    return dict(
        re.findall(rf"^yunfu_task_answered_calls{{({TASK})}} (\d+)$", fetch(f"{url}/metrics").text, re.MULTILINE)
    )


def test_the_demo_shows_campaigns_that_move(tmp_path: Path) -> None:
    """Within 15 seconds it serves twenty tasks and more, whose numbers move; it prints where to look and what is there."""
    exporter, simulator, words = demo_addresses()
    url = f"http://{exporter}"
    with running(tmp_path, *words) as program:
        eventually(answers(f"{url}/readyz"), seconds=15)
        page = fetch(f"{url}/metrics").text
        assert len(re.findall(rf"^yunfu_task_up{{{TASK}}} 1$", page, re.MULTILINE)) >= 20
        assert not re.findall(rf"^yunfu_task_up{{{TASK}}} 0$", page, re.MULTILINE)
        first = answered(url)
        eventually(lambda: sum(first[task] != count for task, count in answered(url).items()) >= 3)
        text = eventually(lambda: program.printed if "yunfu_task_numbers{" in program.printed else "")
        assert text.startswith(f"exporter            {url}/  (metrics: {url}/metrics, service discovery: {url}/sd)\n")
        assert f"simulated platform  http://{simulator}/" in text
        assert re.search(r"^\d\d tasks are read every 5 s; simulated time runs 20 times as fast\.$", text, re.MULTILINE)
        for family in ("info", "answer_ratio", "progress_ratio", "numbers"):
            assert f"\nyunfu_task_{family}{{" in text
        assert answers(f"http://{simulator}/_control/truth")()
        assert program.stop(signal.SIGINT) == 0
        assert program.printed.endswith("\nstopped\n")
        assert program.logs == ""


def test_a_demo_of_an_outage_goes_on(tmp_path: Path) -> None:
    """When the simulated platform fails from the start, the demo says that no task is read, and serves on."""
    exporter, _, words = demo_addresses()
    with running(tmp_path, *words, "--fault", "status,status=502") as program:
        eventually(answers(f"http://{exporter}/readyz"))
        eventually(lambda: "0 tasks are read" in program.printed)
        assert 'yunfu_account_up{account="demo"} 0' in fetch(f"http://{exporter}/metrics").text
        assert program.stop() == 0
        assert "Traceback" not in program.logs


def test_a_taken_port_is_one_clear_line() -> None:
    """If the exporter's address is taken, it is named, with status 1; the simulator's is tested with `simulate`."""
    _, _, words = demo_addresses()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        words[words.index("--listen") + 1] = address
        done = run_program(*words)
    assert done.returncode == 1
    assert done.stderr == f"yunfu-exporter: cannot listen on {address}: Address already in use\n"
