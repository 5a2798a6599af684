"""The Helm chart as the tests see it: rendered, its golden renders, and its pod with what would be mounted into it.

``python -m tests.support.chart`` writes the golden renders anew; read the difference by eye before committing it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from helm.build import CHART
from tests.support.tools import DATA, ROOT, need

GOLDEN = DATA / "chart"
CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
RELEASE = "rel"
HELM = "helm.sh/helm/v3/cmd/helm@v3.21.4"
TOOLS = Path.home() / ".cache" / "helm-v3.21.4"  # where .ci/run puts it

Manifest = dict[str, Any]


def helm(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Helm to its end."""
    program = shutil.which("helm", path=TOOLS) or need("helm", f"go install {HELM}")
    return subprocess.run((program, *words), check=False, text=True, capture_output=True, timeout=60, cwd=ROOT)


def template(*words: str | Path, kubernetes: str = "1.30", release: str = RELEASE) -> subprocess.CompletedProcess[str]:
    """Render the chart as for a cluster of a version of Kubernetes that has the Prometheus operator."""
    cluster = f"--kube-version={kubernetes}", "--api-versions=monitoring.coreos.com/v1"
    return helm("template", release, CHART, "--namespace=outbound", *cluster, *words)


@cache
def rendered(*words: str | Path, kubernetes: str = "1.30", release: str = RELEASE) -> tuple[Manifest, ...]:
    """Return the manifests that the chart makes of values that are good."""
    made = template(*words, kubernetes=kubernetes, release=release)
    assert made.returncode == 0, made.stderr
    return tuple(each for each in yaml.load_all(made.stdout, yaml.CSafeLoader) if each)


def of_kind(manifests: Sequence[Manifest], *kinds: str) -> list[Manifest]:
    """Return those of these kinds."""
    return [each for each in manifests if each["kind"] in kinds]


def the(manifests: Sequence[Manifest], kind: str, suffix: str = "") -> Manifest:
    """Return the one of this kind whose name ends so."""
    (found,) = (each for each in of_kind(manifests, kind) if each["metadata"]["name"].endswith(suffix))
    return found


def golden(values: Path) -> str:
    """Return what the chart makes of a file of values, without what it ships as it is: dashboards, rules, messages, helm test's program."""
    manifests = (_cut(each) for each in rendered("--values", values) if not is_dashboard(each))
    return yaml.safe_dump_all(manifests, allow_unicode=True, sort_keys=False, width=120)


def is_dashboard(manifest: Manifest) -> bool:
    """Return whether it holds a dashboard."""
    labels: dict[str, str] = manifest["metadata"].get("labels", {})
    return manifest["kind"] == "ConfigMap" and labels.get("app.kubernetes.io/component") == "dashboards"


def _cut(manifest: Manifest) -> Manifest:
    spec = dict(manifest.get("spec", {}))
    if manifest["kind"] in {"PrometheusRule", "VMRule"}:
        spec["groups"] = [group["name"] for group in spec["groups"]]
    elif manifest["kind"] == "Pod":
        (container,) = spec["containers"]
        spec["containers"] = [{**container, "args": ["files/answers.py", *container["args"][1:]]}]
    if "yunfu.tmpl" in manifest.get("stringData", {}):
        return {**manifest, "stringData": {**manifest["stringData"], "yunfu.tmpl": "files/alertmanager/yunfu.tmpl"}}
    return {**manifest, "spec": spec} if spec else manifest


def golden_file(values: Path) -> Path:
    """Return where the golden render of a file of values is."""
    return GOLDEN / values.name.replace("-values", "")


@dataclass(frozen=True)
class Pod:
    """The exporter's pod of a render, to be run without Kubernetes. ``secrets`` are those that the user would have made."""

    manifests: Sequence[Manifest]
    folder: Path
    secrets: Mapping[str, Mapping[str, str]]

    @property
    def spec(self) -> Manifest:
        """The pod's specification."""
        (workload,) = of_kind(self.manifests, "Deployment", "StatefulSet")
        spec: Manifest = workload["spec"]["template"]["spec"]
        return spec

    @property
    def container(self) -> Manifest:
        """The exporter's container."""
        container: Manifest = self.spec["containers"][0]
        return container

    def mount(self) -> None:
        """Lay out the volumes as kubelet does: a folder whose files are links through ``..data``, which is swapped at once."""
        volumes = {volume["name"]: volume for volume in self.spec["volumes"]}
        for mount in self.container["volumeMounts"]:
            target = self.folder / mount["mountPath"].lstrip("/")
            target.mkdir(parents=True, exist_ok=True)
            if not mount.get("readOnly"):
                continue  # the exporter's to write to
            version = target / f"..{len(list(target.iterdir()))}"
            version.mkdir()
            for name, text in self._files(volumes[mount["name"]]):
                (version / name).write_text(self.local(text), encoding="utf-8")
                if not (target / name).is_symlink():
                    (target / name).symlink_to(Path("..data") / name)
            (target / "..new").symlink_to(version.name)
            (target / "..new").replace(target / "..data")

    def words(self, listen: int, health: int) -> list[str]:
        """Return the words of the command line, on ports of this machine."""
        words = (self.local(word) for word in self.container["args"])
        return [
            word.replace("=:10042", f"=127.0.0.1:{listen}").replace("=:10043", f"=127.0.0.1:{health}") for word in words
        ]

    def local(self, text: str) -> str:
        """Return a text with the paths of the pod's file system as they are on this machine."""
        return re.sub(
            r"/((?:etc|var/lib)/yunfu-exporter|run/secrets/yunfu|etc/platform|vault)\b", rf"{self.folder}\g<0>", text
        )

    def _files(self, volume: Manifest) -> Iterator[tuple[str, str]]:
        """Yield the files of a volume: those of Secrets and ConfigMaps."""
        for source in [each["secret"] for each in volume.get("projected", {}).get("sources", [])] or [
            volume.get("secret") or volume["configMap"]
        ]:
            data = self._data(source.get("secretName") or source["name"])
            items = {item["key"]: item["path"] for item in source.get("items", [])} or {key: key for key in data}
            yield from ((path, data[key]) for key, path in items.items())

    def _data(self, name: str) -> Mapping[str, str]:
        if name in self.secrets:
            return self.secrets[name]
        (made,) = (each for each in of_kind(self.manifests, "Secret", "ConfigMap") if each["metadata"]["name"] == name)
        if made["kind"] == "Secret" and "data" in made:
            return {key: b64decode(text).decode() for key, text in made["data"].items()}
        data: Mapping[str, str] = made.get("stringData") or made["data"]
        return data


def write_golden() -> None:
    """Render all golden files, and only then put them in the place of those before."""
    renders = {golden_file(values): golden(values) for values in CI_VALUES}
    GOLDEN.mkdir(exist_ok=True)
    for stale in {*GOLDEN.iterdir()} - renders.keys():
        stale.unlink()
    for file, text in renders.items():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_golden()
