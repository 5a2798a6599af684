"""The simulated history that rules and dashboards are tested over is what the exporter would have served."""

from __future__ import annotations

import re

import pytest

from tests.support.history import ACCOUNTS, Cast, History, write_history

PLAN = History(hours=3)
SAMPLE = re.compile(r'^(\w+)\{instance="exporter:10042",job="yunfu"(?:,([^}]*))?\} (\S+) (\d+\.\d{3})$')


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cast, list[str]]:
    """Write a short one."""
    file = tmp_path_factory.mktemp("history") / "history.txt"
    cast = write_history(PLAN, file)
    return cast, file.read_text(encoding="utf-8").splitlines()


def samples(lines: list[str], name: str, *labels: str) -> dict[float, float]:
    """Return a family's samples with these labels, added up by time."""
    sums: dict[float, float] = {}
    for line in lines:
        if line.startswith(f"{name}{{") and all(label in line for label in labels):
            match = SAMPLE.match(line)
            assert match, line
            sums[float(match[4])] = sums.get(float(match[4]), 0) + float(match[3])
    return sums


def test_every_scrape_is_there(written: tuple[Cast, list[str]]) -> None:
    """One scrape a step up to the end, each sample with the target's labels and its time, in order, then the end."""
    *lines, last = written[1]
    assert last == "# EOF"
    matches = [SAMPLE.match(line) for line in lines]
    moments = [float(match[4]) for match in matches if match]
    assert len(moments) == len(lines)
    assert moments == sorted(moments)
    assert sorted(samples(lines, "up")) == [PLAN.begin + 60 * step for step in range(1, 181)]


def test_it_holds_what_happened(written: tuple[Cast, list[str]]) -> None:
    """The line is blocked, the list turns bad, a task goes silent and then stale, and one leaves."""
    cast, lines = written
    end = PLAN.end
    blocks = samples(lines, "yunfu_task_number_results_total", cast.blocked, 'status="carrier_blocked"')
    assert blocks[end] - blocks[end - 3000] > 20 * (blocks[end - 3000] - blocks[end - 6000])
    invalid = samples(lines, "yunfu_task_number_results_total", cast.bad_list, 'status="invalid_number"')
    assert invalid[end] - invalid[end - 5400] > 5 * (invalid[end - 5400] - invalid[min(invalid)])
    assert samples(lines, "yunfu_task_up", cast.silent)[end] == 0
    assert max(samples(lines, "yunfu_task_answer_ratio", cast.silent)) < end - 600
    assert max(samples(lines, "yunfu_task_up", cast.vanished)) < end - 6000


def test_the_exporters_own_metrics_are_of_the_simulated_time(written: tuple[Cast, list[str]]) -> None:
    """Calls take as long as the simulated platform does, failures are counted, and the clocks agree."""
    lines, end = written[1], PLAN.end
    count = samples(lines, "yunfu_exporter_api_request_duration_seconds_count")[end]
    mean = samples(lines, "yunfu_exporter_api_request_duration_seconds_sum")[end] / count
    assert 0.1 < mean < 0.3
    assert samples(lines, "yunfu_exporter_api_failures_total", 'reason="http_5xx"')[end] > 10
    assert samples(lines, "process_start_time_seconds")[end] == PLAN.begin
    for account in ACCOUNTS:
        listed = samples(lines, "yunfu_account_discovery_last_success_timestamp_seconds", f'account="{account}"')[end]
        assert end - 120 < listed <= end
