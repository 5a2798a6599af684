"""What users are warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config.settings import AccountSettings
from exporter.demo.simulator import SimulatorOptions
from exporter.polling.warnings import cautions
from tests.support.programs import answers, eventually, free_port, run_program, running, simulated, write_config

USER = "40863af8-db4a-41c6-a269-eb5bc386d97f"
WARNING = "account main: base_url is plain http, so everybody on the way can read the token; expected https"


@pytest.mark.parametrize(
    ("base_url", "warned"),
    [
        ("https://api.example.com", False),
        ("https://8.8.8.8", False),
        ("http://api.example.com", True),
        ("http://api.example.com:8080/prefix", True),
        ("HTTP://API.EXAMPLE.COM", True),
        ("http://8.8.8.8", True),
        ("http://[2606:4700::1111]", True),
        ("http://127.0.0.1:8080", False),
        ("http://[::1]:8080", False),
        ("http://localhost", False),
        ("http://10.1.2.3", False),
        ("http://192.168.1.1", False),
        ("http://172.16.0.1", False),
        ("http://172.32.0.1", True),
        ("http://[fd00::1]", False),
        ("http://169.254.1.1", False),
        ("http://platform", False),
        ("http://platform.calls.svc", False),
        ("http://platform.calls.svc.cluster.local", False),
        ("http://notlocal.example.com.localhost.evil.com", True),
    ],
)
def test_plain_http_to_elsewhere(base_url: str, warned: bool) -> None:  # noqa: FBT001
    """A plain address that is neither loopback nor private is warned of, for the token goes there."""
    account = AccountSettings(name="main", base_url=base_url, user_id=USER, token="t", discovery={})
    assert cautions(account) == ([WARNING] if warned else [])


def test_it_is_said_once(tmp_path: Path) -> None:
    """``check`` says it, and the daemon logs it once at its start; of an account that is near it says nothing."""
    listen = f"127.0.0.1:{free_port()}"
    with simulated(SimulatorOptions(tasks=1)) as platform:
        far = platform.account(base_url="http://nowhere.invalid")
        config = write_config(tmp_path / "c", far, platform.account("near"), listen=listen)
        assert run_program("check", "--config", str(config)).stdout.count(f"  warning: {WARNING}\n") == 1
        with running(tmp_path, "--config", str(config)) as program:
            eventually(answers(f"http://{listen}/healthz"))
            eventually(lambda: "msg=serving" in program.logs)
            assert program.stop() == 0
    assert program.logs.count(WARNING) == 1
    assert "account near" not in program.logs
