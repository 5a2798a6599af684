"""The image's health check: the command in the Dockerfile, run beside the exporter as a container engine would."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import trustme

from tests.support.programs import Platform, eventually, free_port, running, write_config
from tests.support.tools import ROOT

TLS = {"tls_server_config": {"cert_file": "server.pem", "key_file": "server.pem"}}
CLIENTS = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.pem"}
USERS = {"basic_auth_users": {"prometheus": bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()}}


def is_healthy(port: int) -> bool:
    """Run the command as it stands there, but for the port."""
    found = re.search(r"^HEALTHCHECK (?:.*\\\n)* +CMD (\[.+\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert found is not None
    program, *words = json.loads(found[1])
    assert program == "python3"
    command = (sys.executable, *(word.replace("10042", str(port)) for word in words))
    return subprocess.run(command, check=False, capture_output=True, timeout=10).returncode == 0


@pytest.mark.parametrize(
    "guard",
    [{}, USERS, TLS, {"tls_server_config": {**TLS["tls_server_config"], **CLIENTS}}],
    ids=["open", "passwords", "tls", "client certificates"],
)
def test_a_guarded_exporter_is_healthy_while_it_turns(
    guard: dict[str, Any], platform: Platform, tmp_path: Path
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
    assert not is_healthy(port)
    with running(tmp_path, "serve", "--config", str(config)) as program:
        eventually(lambda: is_healthy(port))
        if not guard:
            program.process.send_signal(signal.SIGSTOP)
            assert not is_healthy(port)
            program.process.send_signal(signal.SIGCONT)
        assert program.stop() == 0
