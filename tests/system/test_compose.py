"""compose.yaml, as far as it can be tested without Docker: its files, ports, names and the configuration that it gives."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.programs import answers, eventually, free_address, running
from tests.support.tools import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def metrics(address: str) -> str:
    """Return /metrics, or nothing if nobody answers yet."""
    reply = answers(f"http://{address}/metrics")()
    return reply.text if reply else ""


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give each service."""
    return SERVICES[request.param]


def test_nothing_is_open_to_the_network(service: dict[str, Any]) -> None:
    """Every port is bound to the loopback: nothing asks for a password."""
    assert service["ports"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_what_is_mounted_exists(service: dict[str, Any]) -> None:
    """Paths of the checkout exist and are read only, volumes are declared."""
    for volume in service.get("volumes", ()):
        source, _, *mode = volume.split(":")
        if source.startswith("."):
            assert (ROOT / source).is_dir(), volume
            assert mode == ["ro"], volume
        else:
            assert source in COMPOSE["volumes"], volume


def test_images_are_pinned_or_built_here(service: dict[str, Any]) -> None:
    """An image is built from the checkout's Dockerfile or has a version."""
    if service.get("build") == ".":
        assert 'ENTRYPOINT ["yunfu-exporter"]' in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    else:
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])


def test_all_come_back_after_a_reboot(service: dict[str, Any]) -> None:
    """Docker starts each service again, also the simulator, without which the others would show failures only."""
    assert service["restart"] == "unless-stopped"


def test_no_name_is_built_twice() -> None:
    """Builds run at the same time, and Docker's newer image store refuses a name that another build has just made."""
    names = [each["image"] for each in SERVICES.values() if "build" in each and "image" in each]
    assert len(names) == len({*names})


def test_nothing_else_needs_the_simulator() -> None:
    """For an account of one's own the file says to remove two things: then no service depends on one that is not there."""
    assert "remove the service `simulator` and `depends_on`" in (ROOT / "compose.yaml").read_text(encoding="utf-8")
    needing = {name: each["depends_on"] for name, each in SERVICES.items() if "depends_on" in each}
    assert needing == {"yunfu-exporter": ["simulator"]}


def test_the_state_outlives_the_container() -> None:
    """The state file is in a volume, which gets its owner from the folder that the image gives to the exporter's user."""
    exporter = SERVICES["yunfu-exporter"]
    folder = str(Path(exporter["environment"]["YUNFU_STATE_FILE"]).parent)
    (volume,) = exporter["volumes"]
    assert volume.partition(":")[2] == folder
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (owner,) = re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE)
    assert re.search(rf"^COPY .*--chown={owner} \S+ {folder}$", dockerfile, re.MULTILINE)


def test_what_is_found_by_name_is_there() -> None:
    """The addresses in the examples and variables are services with such a port."""
    texts = [(ROOT / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")]
    texts += [str(value) for each in SERVICES.values() for value in each.get("environment", {}).values()]
    found = {match for text in texts for match in re.findall(r"(?:http://|\")([a-z-]+):(\d+)", text)}
    assert found == {
        ("yunfu-exporter", "10042"),
        ("alertmanager", "9093"),
        ("simulator", "10043"),
        ("prometheus", "9090"),
    }
    for name, port in found:
        assert any(each.endswith(f":{port}") for each in SERVICES[name]["ports"]), name


def test_the_configuration_files_are_where_the_images_look() -> None:
    """Prometheus and Alertmanager read /etc/NAME/NAME.yml; the dashboards are where Grafana's provisioning says."""
    for name, folder in (("prometheus", "prometheus"), ("alertmanager", "prometheus/alertmanager")):
        assert f"./{folder}:/etc/{name}:ro" in SERVICES[name]["volumes"]
        assert (ROOT / folder / f"{name}.yml").is_file()
    provisioned = (ROOT / "grafana" / "provisioning" / "dashboards" / "yunfu.yaml").read_text(encoding="utf-8")
    mounts = dict(volume.split(":")[1::-1] for volume in SERVICES["grafana"]["volumes"])
    for path in re.findall(r"path: (\S+)", provisioned):
        (inside,) = (mount for mount in mounts if path.startswith(f"{mount}/") and mounts[mount].startswith("."))
        assert (ROOT / mounts[inside] / Path(path).relative_to(inside)).is_dir(), path


def test_the_exporter_reads_the_simulator(tmp_path: Path) -> None:
    """With the words and variables of the file, the simulator serves, and the exporter reads tasks and saves them."""
    words, exporter = list(SERVICES["simulator"]["command"]), SERVICES["yunfu-exporter"]
    address, listen = free_address(), free_address()
    words[words.index("--listen") + 1] = address
    state = tmp_path / "state.db"
    moved = {"YUNFU_BASE_URL": f"http://{address}", "YUNFU_STATE_FILE": str(state), "YUNFU_LISTEN": listen}
    with running(tmp_path, *words) as simulator:
        eventually(lambda: "YUNFU_TOKEN" in simulator.printed)
        with running(tmp_path, *exporter["command"], env={**exporter["environment"], **moved}) as program:
            eventually(lambda: re.search(r"^yunfu_task_up\{.*\} 1$", metrics(listen), re.MULTILINE))
            assert 'yunfu_account_up{account="default"} 1' in metrics(listen)
            assert program.stop() == 0
    assert "level=error" not in program.logs
    with closing(sqlite3.connect(state)) as saved:
        assert saved.execute("SELECT count(*) FROM tasks").fetchone() > (0,)
