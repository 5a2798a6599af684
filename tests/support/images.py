"""The container image, built by ``make image`` with buildah on Debian's own files: no registry is at hand."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from exporter import __version__
from tests.support.tools import make, missing, need, run

BASE: Final = "localhost/base"
REVISION: Final = "0123456789abcdef0123456789abcdef01234567"
HOME: Final = "opt/yunfu-exporter"


class Store:
    """A place where buildah keeps images."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        storage = ("--storage-driver", "vfs", "--root", str(directory / "root"), "--runroot", str(directory / "run"))
        self.program = (need("buildah", "apt-get install buildah"), *storage)

    def __call__(self, *words: str) -> str:
        """Run one of buildah's commands; return what it prints."""
        return run(*self.program, *words)

    def make_base(self) -> None:
        """Make an image of Debian's with Python, since no registry is at hand."""
        files, archive = self.directory / "debian", self.directory / "base.tar"
        debootstrap = need("debootstrap", "apt-get install debootstrap")
        packages = "--include=python3,python3-venv,ca-certificates,systemd,procps"  # these two are for test_systemd.py
        run(debootstrap, "--variant=minbase", packages, "bookworm", str(files))
        left_out = ("./var/cache/apt/archives/*.deb", "./var/lib/apt/lists/*", "./dev/*")
        run("tar", "-C", str(files), *(f"--exclude={name}" for name in left_out), "-cf", str(archive), ".")
        shutil.rmtree(files)
        container = self("from", "scratch")
        self("add", container, str(archive), "/")
        self("commit", "--disable-compression", "--rm", container, BASE)
        archive.unlink()

    def make_image(self) -> str:
        """Build the image with nothing kept from before; return its id."""
        chroot = "--isolation chroot --network host --pull-never --format docker --layers=false --timestamp 0"
        certificates = "--volume /etc/ssl/certs:/etc/ssl/certs:ro"
        words = f"--quiet {chroot} {certificates} --build-arg BASE={BASE}"
        make("image", f"BUILDER={shlex.join(self.program)}", f"SOURCE_REVISION={REVISION}", f"ARGS={words}")
        return self("images", "--quiet", "--no-trunc", f"yunfu-exporter:{__version__}")

    def files(self, image: str) -> Path:
        """Return the directory with an image's files."""
        return Path(self("mount", self("from", "--pull-never", image)))

    def inspect(self, image: str) -> dict[str, Any]:
        """Return an image's configuration."""
        configuration: dict[str, Any] = json.loads(self("inspect", "--type", "image", image))["Docker"]
        return configuration


@dataclass(frozen=True)
class Image:
    """The image as built, and the files of a container of it."""

    store: Store
    name: str
    files: Path
    configuration: dict[str, Any]
    layers: list[str]

    @property
    def code(self) -> Path:
        """Where the installed packages are."""
        return next(self.files.glob(f"{HOME}/lib/python3.*/site-packages"))


def quick_directory() -> Path | None:
    """Return a file system in memory if it has room: debootstrap syncs each file, and buildah copies all for a layer."""
    shared = Path("/dev/shm")  # noqa: S108  # only the place of a directory of the test's own
    return shared if shared.is_dir() and shutil.disk_usage(shared).free > 4_000_000_000 else None


@contextmanager
def built_image() -> Iterator[Image]:
    """Build the image; it is there as long as the context lasts."""
    if os.geteuid() != 0:
        missing("only root can make a root file system", "sudo make test ARGS=tests/integration/test_image.py")
    with tempfile.TemporaryDirectory(prefix="image-", dir=quick_directory()) as directory:
        store = Store(Path(directory))
        store.make_base()
        name = store.make_image()
        configuration = store.inspect(name)
        yield Image(store, name, store.files(name), configuration["config"], configuration["rootfs"]["diff_ids"])
