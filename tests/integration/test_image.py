"""The container image: built twice by ``make image`` with buildah on Debian's own files, then run as a cluster would.

A real read-only root: a mount namespace and a process namespace of its own, in which the program is process 1.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from exporter import __version__
from exporter.demo.simulator import SimulatorOptions
from exporter.files.shipped import shipped_names
from tests.support.images import BASE, HOME, PASSWORD, REVISION, Image
from tests.support.programs import PATIENCE_SECONDS, answers, eventually, fetch, free_port, simulated, write_config
from tests.support.tools import ROOT

pytestmark = pytest.mark.privileged

MOST_BYTES: Final = 60_000_000
NOBODY: Final = 65532
EXPOSED: Final = 10042

RUN_READ_ONLY: Final = """\
set -e
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --bind /dev "$1/dev"
mount --bind "$2" "$1/mnt"
mount -o remount,bind,ro "$1"
shift 2
exec "$@"
"""
"""Makes the first word a read-only root, with the second mounted in it, and becomes the program of the rest."""


@contextmanager
def contained(image: Image, directory: Path, *words: str, user: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Run words in the image on a read-only root as its user, or another, as process 1; the directory is at /mnt."""
    enter = ("chroot", f"--userspec={user or image.configuration['User']}", str(image.files))
    command = (*enter, "/usr/bin/env", "-i", *image.configuration["Env"], *words)
    apart = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", RUN_READ_ONLY, "sh")
    with subprocess.Popen((*apart, str(image.files), str(directory), *command)) as process:
        try:
            yield process
        finally:
            process.kill()


def inside(image: Image, pid: int, *words: str) -> tuple[str, ...]:
    """Return the command that runs words in the container of a process as its user, as ``docker exec`` does."""
    enter = (
        "nsenter",
        f"--target={pid}",
        "--mount",
        "--pid",
        "--root",
        "--wd",
        f"--setuid={NOBODY}",
        f"--setgid={NOBODY}",
    )
    return (*enter, "/usr/bin/env", "-i", *image.configuration["Env"], *words)


def inner(process: subprocess.Popen[bytes]) -> int:
    """Return the number, outside, of the process that is 1 inside."""
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())


def status(pid: int) -> dict[str, list[str]]:
    """Return the kernel's status of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}


def test_it_serves_as_nobody_on_a_read_only_root(image: Image, tmp_path: Path) -> None:
    """As user 65532 without capabilities, as process 1 and with nowhere to write, it serves, is healthy until it hangs, and stops with 0."""
    tmp_path.chmod(0o755)
    port = free_port()
    assert port != EXPOSED
    kind, *asked = image.configuration["Healthcheck"]["Test"]
    assert kind == "CMD"
    with simulated(SimulatorOptions(tasks=5, speed=1)) as platform:
        write_config(tmp_path / "yunfu.yaml", platform.account(), listen=f"127.0.0.1:{port}")
        words = (*image.configuration["Entrypoint"], *image.configuration["Cmd"], "--config", "/mnt/yunfu.yaml")
        with contained(image, tmp_path, *words) as process:
            eventually(answers(f"http://127.0.0.1:{port}/readyz"))
            page = fetch(f"http://127.0.0.1:{port}/metrics").text
            assert page.count("yunfu_task_up{") == 5
            about = next(line for line in page.splitlines() if line.startswith("yunfu_exporter_build_info{"))
            assert f'revision="{REVISION}",version="{__version__}"' in about
            pid = inner(process)
            reported = status(pid)
            assert {*reported["Uid"], *reported["Gid"]} == {str(NOBODY)}
            assert reported["NSpid"][-1] == "1"
            assert int(reported["CapEff"][0], 16) == 0
            mounts = [line.split() for line in Path(f"/proc/{pid}/mounts").read_text().splitlines()]
            assert [each[3].split(",")[0] for each in mounts if each[1] == "/"] == ["ro"]
            assert subprocess.run(inside(image, pid, *asked), timeout=PATIENCE_SECONDS, check=False).returncode == 0
            os.kill(pid, signal.SIGSTOP)
            assert subprocess.run(inside(image, pid, *asked), timeout=PATIENCE_SECONDS, check=False).returncode == 1
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGTERM)
            assert process.wait(PATIENCE_SECONDS) == 0


def test_its_configuration_is_what_a_cluster_expects(image: Image) -> None:
    """A numeric user, words without a shell, the port, the signal, the labels; nothing secret or changing in between."""
    reported = image.configuration
    assert (reported["User"], reported["StopSignal"], [*reported["ExposedPorts"]]) == (
        "65532:65532",
        "SIGTERM",
        ["10042/tcp"],
    )
    assert (reported["Entrypoint"], reported["Cmd"]) == (["yunfu-exporter"], ["serve"])
    labels = {name.rpartition(".")[2]: text for name, text in reported["Labels"].items() if "opencontainers" in name}
    assert labels["title"] == "yunfu-exporter"
    assert (labels["version"], labels["revision"], labels["licenses"]) == (__version__, REVISION, "Apache-2.0")
    assert {each.partition("=")[0] for each in reported["Env"]} == {
        "PATH",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
    }


def test_it_is_small(image: Image) -> None:
    """All its files are less than 60 MB more than its base's."""
    base = image.store.files(BASE)

    def bytes_in(top: Path) -> int:
        return sum(path.lstat().st_size for path in top.rglob("*") if path.is_file() and not path.is_symlink())

    added = bytes_in(image.files) - bytes_in(base)
    print(f"{added / 1e6:.1f} MB over the base")
    assert 10_000_000 < added < MOST_BYTES


def test_only_root_can_change_it(image: Image) -> None:
    """Everything added belongs to root, nobody else may write; neither pip nor the place of the build is in it."""
    added = [image.files / HOME, *(image.files / HOME).rglob("*")]
    assert len(added) > 100
    found = [(path, path.lstat()) for path in added]
    assert [path for path, stat in found if (stat.st_uid, stat.st_gid) != (0, 0)] == []
    assert [path for path, stat in found if not path.is_symlink() and stat.st_mode & 0o022] == []
    names = {path.name for path in added}
    assert not names & {"pip", "hatchling", "direct_url.json", "tests"}


def test_its_user_may_save_its_state(image: Image) -> None:
    """A volume that is mounted at the folder for it first gets its owner; the image declares no volume itself."""
    folder = image.files / "var" / "lib" / "yunfu-exporter"
    found = folder.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (NOBODY, NOBODY, 0o755)
    assert [*folder.iterdir()] == []
    above = folder.parent.stat()
    assert (above.st_uid, above.st_gid) == (0, 0)
    assert not image.configuration.get("Volumes")


def test_it_compiles_nothing_at_the_start(image: Image) -> None:
    """Each module has its bytecode, valid whatever the times of the files are: a read-only root could keep none."""
    modules = [*image.code.glob("exporter/**/*.py"), *image.code.glob("aiohttp/*.py")]
    assert len(modules) > 50
    for module in modules:
        bytecode = next(module.parent.glob(f"__pycache__/{module.stem}.cpython-*.pyc")).read_bytes()
        assert bytecode[4:8] == b"\1\0\0\0", f"{module} is not compiled by unchecked hash"
        assert str(image.store.directory).encode() not in bytecode


def test_it_writes_its_assets_for_whoever_runs_it(image: Image, tmp_path: Path) -> None:
    """Into a directory of the user whom it is told to be, with Docker's group 0; as its own user it may not, and says so."""
    somebody = 4242
    os.chown(tmp_path, somebody, somebody)
    words = (*image.configuration["Entrypoint"], "assets", "--to", "/mnt/yunfu")
    with contained(image, tmp_path, *words) as process:
        assert process.wait(PATIENCE_SECONDS) == 1
    assert [*tmp_path.iterdir()] == []
    with contained(image, tmp_path, *words, user=f"{somebody}:0") as process:
        assert process.wait(PATIENCE_SECONDS) == 0
    written = tmp_path / "yunfu"
    assert {name for name in shipped_names() if (written / name).read_bytes() != (ROOT / name).read_bytes()} == set()
    assert {path.stat().st_uid for path in (written, *written.rglob("*"))} == {somebody}


def test_its_packages_came_from_the_index_that_was_named(image: Image) -> None:
    """Those it consists of and those it was built with; the index' password is not in the image, nor in its history."""
    assert image.asked >= {"aiohttp", "pydantic-settings", "hatchling"}
    about = image.store("inspect", "--type", "image", image.name)
    assert "created_by" in about
    assert PASSWORD not in about
    assert [
        path
        for path in (image.files / HOME).rglob("*")
        if path.is_file() and not path.is_symlink() and PASSWORD.encode() in path.read_bytes()
    ] == []


def test_built_again_it_is_the_same(image: Image) -> None:
    """The same sources on the same base give the same layers, wherever the packages come from."""
    name = image.store.make_image("PIP_INDEX_URL=", "PIP_TRUSTED_HOST=")  # pip's own, as compose says it
    again = image.store.inspect(name)["rootfs"]["diff_ids"]
    assert again == image.layers
