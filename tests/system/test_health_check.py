"""The image's health check on a running exporter, with and without guards."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import trustme

from exporter.health import main
from tests.support.programs import Platform, eventually, free_port, running, write_config
from tests.support.tools import ROOT

TLS = {"tls_server_config": {"cert_file": "server.pem", "key_file": "server.pem"}}
CLIENTS = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.pem"}
USERS = {"basic_auth_users": {"prometheus": bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()}}


def test_the_image_has_the_health_check() -> None:
    """The Dockerfile runs the check that is tested here."""
    assert 'CMD ["python3", "-m", "exporter.health"]' in (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Give a process file system as of a container in which nothing runs yet."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "net").symlink_to("/proc/net")
    return tmp_path / "proc"


@pytest.mark.parametrize(
    "guard",
    [{}, USERS, TLS, {"tls_server_config": {**TLS["tls_server_config"], **CLIENTS}}],
    ids=["open", "passwords", "tls", "client certificates"],
)
def test_a_guarded_exporter_is_healthy_while_it_turns(
    guard: dict[str, Any], platform: Platform, proc: Path, tmp_path: Path
) -> None:
    """Whoever is let in, the exporter is healthy if it reacts; one that stands still, or has gone, is not."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("exporter.example").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    (tmp_path / "web.yml").write_text(json.dumps(guard))
    port = free_port()
    config = write_config(
        tmp_path / "c", platform.account(), listen=f"127.0.0.1:{port}", web_config_file=str(tmp_path / "web.yml")
    )
    assert main(proc) == 1
    with running(tmp_path, "serve", "--config", str(config)) as program:
        pid = str(program.process.pid)
        (proc / pid).symlink_to(f"/proc/{pid}")
        eventually(lambda: main(proc) == 0)
        if not guard:
            program.process.send_signal(signal.SIGSTOP)
            assert main(proc) == 1
            program.process.send_signal(signal.SIGCONT)
        assert program.stop() == 0
    assert main(proc) == 1
