"""The chart as Helm renders it: Kubernetes, the exporter and Prometheus accept it, and mistakes in the values are refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import kubernetes_validate
import pytest
import trustme
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from exporter.demo.simulator import SimulatorOptions
from helm.build import CHART, RULES
from tests.support.chart import (
    CI_VALUES,
    HELM,
    RELEASE,
    TOOLS,
    Manifest,
    Pod,
    golden,
    golden_file,
    helm,
    is_dashboard,
    of_kind,
    rendered,
    template,
    the,
)
from tests.support.programs import Platform, eventually, fetch, free_port, run_program, running, simulated
from tests.support.tools import ROOT, attempt, need, need_file

A_FILE = pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.name.removesuffix("-values.yaml"))
NEWEST = max(kubernetes_validate.utils.all_versions(), key=lambda text: [int(part) for part in text.split(".")])
MODULES = Path(os.environ.get("GOMODCACHE", Path.home() / "go" / "pkg" / "mod"))
CRDS = {
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": [
        f"example/prometheus-operator-crd/monitoring.coreos.com_{kind}.yaml"
        for kind in ("servicemonitors", "podmonitors", "prometheusrules")
    ],
    "github.com/cert-manager/cert-manager@v1.21.2": ["deploy/crds/cert-manager.io_certificates.yaml"],
    "github.com/grafana/grafana-operator/v5@v5.18.0": [
        "config/crd/bases/grafana.integreatly.org_grafanadashboards.yaml"
    ],
    "github.com/VictoriaMetrics/operator@v0.74.1": ["config/crd/overlay/crd.descriptionless.yaml"],
}
VICTORIA = "operator.victoriametrics.com/v1beta1"
MINIMAL = CHART / "ci" / "minimal-values.yaml"
HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


@A_FILE
def test_lint_finds_no_fault(values: Path) -> None:
    """Helm's own check, at its strictest."""
    linted = helm("lint", "--strict", "--quiet", "--kube-version=1.30", "--values", values, CHART)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@A_FILE
def test_renders_are_as_they_were(values: Path) -> None:
    """What a change of the chart does to its manifests is seen in the difference of the golden renders."""
    assert golden(values) == golden_file(values).read_text(encoding="utf-8"), "if it is meant: make chart"


@cache
def operators_kinds() -> dict[tuple[str, str], Any]:
    """Return the validators of the operators' kinds by apiVersion and kind, from the operators' own definitions."""
    found = {}
    for module, names in CRDS.items():
        for name in names:
            path = need_file(MODULES / _escaped(module) / name, f"go mod download {module}")
            for document in yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader):
                crd = document["spec"]
                for version in crd["versions"]:
                    schema = _strict(version["schema"]["openAPIV3Schema"])
                    schema["properties"]["metadata"] = {"type": "object"}
                    found[f"{crd['group']}/{version['name']}", crd["names"]["kind"]] = Draft202012Validator(schema)
    return found


def _escaped(module: str) -> str:
    """Return a module's name as Go's folder has it: an exclamation mark and the small letter for a capital one."""
    return re.sub("[A-Z]", lambda match: f"!{match[0].lower()}", module)


def _strict(schema: Any) -> Any:
    """Refuse unknown keys, as the API server does where a definition does not keep them."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(each) for key, each in schema.items()}
    is_closed = schema.get("type") == "object" and "x-kubernetes-preserve-unknown-fields" not in schema
    if is_closed and isinstance(schema.get("properties"), dict):
        strict.setdefault("additionalProperties", False)
    return strict


@cache
def kubernetes_kinds(version: str) -> tuple[Path, Registry[Any]]:
    """Return the folder of a version's strict schemas, and what they refer to."""
    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{version}-local-strict"
    definitions = Resource.from_contents(json.loads((folder / "_definitions.json").read_text(encoding="utf-8")))
    return folder, definitions @ Registry()


def faults_of(manifest: Manifest, version: str) -> list[str]:
    """Return what a version of Kubernetes, or an operator, does not accept of a manifest."""
    api, kind = manifest["apiVersion"], manifest["kind"]
    validator = operators_kinds().get((api, kind))
    if validator is None:
        folder, registry = kubernetes_kinds(version)
        group, _, name = api.rpartition("/")
        file = folder / "-".join(filter(None, (kind.lower(), group.split(".")[0], f"{name}.json")))
        validator = Draft202012Validator(json.loads(file.read_text(encoding="utf-8")), registry=registry)
    return [f"{kind} {error.json_path}: {error.message[:300]}" for error in validator.iter_errors(manifest)]


@pytest.mark.parametrize("version", ["1.25.0", "1.30.0", NEWEST])
def test_kubernetes_accepts_it(version: str) -> None:
    """An old, a middle and the newest version know every field of every render."""
    for values in CI_VALUES:
        manifests = rendered("--values", values, kubernetes=version)
        assert [fault for each in manifests for fault in faults_of(each, version)] == [], values.name


@pytest.mark.parametrize(
    "kind", ["Deployment", "Service", "ServiceMonitor", "PrometheusRule", "VMServiceScrape", "VMRule"]
)
def test_a_misspelt_field_would_be_noticed(kind: str) -> None:
    """The schemas are strict: each of the tests above can fail."""
    operator = "victoria-metrics" if kind.startswith("VM") else "prometheus"
    manifest = the(
        rendered(
            "--values", MINIMAL, f"--set=monitoringOperator={operator},monitor.enabled=true,prometheusRule.enabled=true"
        ),
        kind,
    )
    assert len(faults_of({**manifest, "spec": {**manifest["spec"], "planted": 1}}, "1.30.0")) == 1


@pytest.fixture
def served() -> Iterator[Platform]:
    """Give a platform that answers."""
    with simulated(SimulatorOptions(tasks=2)) as platform:
        yield platform


@pytest.fixture
def secrets() -> dict[str, dict[str, str]]:
    """Give the Secrets that the values under test name, as a user would have made them."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    key = issued.private_key_pem.bytes().decode()
    tls = {
        "tls.crt": "".join(pem.bytes().decode() for pem in issued.cert_chain_pems),
        "tls.key": key,
        "ca.crt": authority.cert_pem.bytes().decode(),
    }
    account = yaml.safe_load(MINIMAL.read_text(encoding="utf-8"))["config"]["accounts"][0]
    return {
        "yunfu-tokens": {"main": "planted", "token": "planted"},
        "my-yunfu": {"config.yaml": yaml.safe_dump({"accounts": [{**account, "token": "planted"}]})},
        "my-web": {"web.yml": yaml.safe_dump({"tls_server_config": {"cert": tls["tls.crt"], "key": key}})},
        "rel-yunfu-exporter-tls": tls,
        "yunfu-tls": tls,
        "monitoring-ca": tls,
        "platform-ca": tls,
    }


@A_FILE
def test_the_exporter_accepts_its_configuration(
    values: Path, secrets: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """``check`` finds no fault in the words, files and variables that the pod would have."""
    pod = Pod(rendered("--values", values), tmp_path, secrets)
    pod.mount()
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "token").write_text("planted")
    given = pod.container.get("env", [])
    variables = {each["name"]: each.get("value", "0" if each["name"] == "POD_INDEX" else "planted") for each in given}
    checked = run_program("check", *pod.words(free_port(), free_port())[1:], env=variables)
    assert checked.returncode == 0, checked.stderr


def helm_test(pod: Pod, listen: int, health: int) -> str:
    """Run what ``helm test`` runs, on this machine's ports, and return what it says."""
    (container,) = the(pod.manifests, "Pod")["spec"]["containers"]
    ports = {"rel-yunfu-exporter.outbound.svc:10042": listen, "rel-yunfu-exporter.outbound.svc:10043": health}
    words = [*container["command"], *container["args"]]
    for host, port in ports.items():
        words = [word.replace(host, f"127.0.0.1:{port}") for word in words]
    tested = subprocess.run(words, check=False, text=True, capture_output=True, timeout=120)
    assert tested.returncode == 0, tested.stderr
    return tested.stdout


def test_a_changed_configuration_is_taken_up(served: Platform, tmp_path: Path) -> None:
    """Served as rendered, helm test finds it; the swapped files of a changed release are in force without a signal."""

    def pod(name: str) -> Pod:
        values = tmp_path / f"{name}.yaml"
        values.write_text(yaml.safe_dump({"config": {"accounts": [served.account(name)]}}), encoding="utf-8")
        return Pod(rendered("--values", values), tmp_path, {})

    pod("main").mount()
    listen, health = free_port(), free_port()
    with running(tmp_path, *pod("main").words(listen, health)):
        assert "/metrics: " in helm_test(pod("main"), listen, health)
        pod("renamed").mount()
        eventually(lambda: 'account="renamed"' in fetch(f"http://127.0.0.1:{listen}/metrics").text)


@pytest.mark.parametrize(
    ("name", "answer"),
    [("cert-manager", "/metrics: a password is needed"), ("client-certificates", "a client certificate is needed")],
)
def test_helm_test_knows_guarded_ports(
    name: str, answer: str, served: Platform, secrets: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """With TLS and passwords the probes' port still answers, and being asked who is there is as good as an answer."""
    words = "--values", CHART / "ci" / f"{name}-values.yaml", f"--set=config.accounts[0].base_url={served.url}"
    pod = Pod(rendered(*words), tmp_path, secrets)
    pod.mount()
    listen, health = free_port(), free_port()
    with running(tmp_path, *pod.words(listen, health)):
        assert answer in helm_test(pod, listen, health)


def test_helm_test_fits_into_its_pod_however_many_tasks_there_are() -> None:
    """A page of 30 MB, as some 5,000 tasks have, is looked through in less memory than the pod may take."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name is the library's
            self.send_response(200)
            self.end_headers()
            for _ in range(30 if self.path == "/" else 1):
                self.wfile.write('yunfu_task_info{account="main",name="老客户回访"} 1\n'.encode() * 18_000)
            self.wfile.write(b'yunfu_exporter_build_info{version="0"} 1\n')

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
            pass

    (container,) = the(rendered("--values", MINIMAL), "Pod")["spec"]["containers"]
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Mi")) << 20
    bounded = f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({limit}, {limit}))\n{container['args'][0]}"
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        try:
            words = [*container["command"], bounded, f"{url}readyz", url]
            tested = subprocess.run(words, check=False, text=True, capture_output=True, timeout=60)
        finally:
            server.shutdown()
    assert tested.stdout.endswith(f"{url}: 540001 lines\n"), tested.stderr


def _groups(*words: str | Path) -> list[Any]:
    groups: list[Any] = the(rendered(*words), "PrometheusRule")["spec"]["groups"]
    return groups


def test_the_shipped_rules_are_rendered_as_they_are() -> None:
    """Without changes in the values the rules are those that promtool's unit tests are run with."""
    shipped = [yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] for path in sorted(RULES.glob("*.yaml"))]
    assert _groups("--values", MINIMAL) == [group for groups in shipped for group in groups]


def test_promtool_accepts_changed_rules(tmp_path: Path) -> None:
    """Alerts can be turned off, and given another severity, pause, label and threshold; the rest stays as it is."""
    changed = _groups("--values", CHART / "ci" / "alerts-values.yaml")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": changed}, allow_unicode=True), encoding="utf-8")
    promtool = need("promtool", "apt-get install prometheus")
    checked = subprocess.run(
        (promtool, "check", "rules", tmp_path / "rules.yaml"), check=False, text=True, capture_output=True, timeout=60
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    shipped = _groups("--values", MINIMAL)
    differences = {}
    alerts = {(rule["alert"], rule["expr"]): rule for group in changed for rule in group["rules"] if "alert" in rule}
    for rule in (rule for group in shipped for rule in group["rules"] if "alert" in rule):
        same = alerts.pop((rule["alert"], rule["expr"]), None)
        labels = {**rule["labels"], "team": "outbound"}
        if same != {**rule, "labels": labels}:
            differences[rule["alert"], rule["labels"]["severity"]] = same and (same["for"], same["labels"]["severity"])
    assert differences == {
        ("YunfuTaskCarrierBlocked", "critical"): None,
        ("YunfuTaskPoorList", "warning"): None,
        ("YunfuTaskStalled", "warning"): ("30m", "info"),
        ("YunfuTokenExpiring", "critical"): None,
        ("YunfuTokenExpiring", "warning"): None,
    }
    ends = sorted(
        (name, rule["labels"]["severity"], expr.rpartition("<")[2][:11]) for (name, expr), rule in alerts.items()
    )
    assert [end[:2] for end in ends] == [
        ("YunfuTaskCarrierBlocked", "critical"),
        ("YunfuTokenExpiring", "info"),
        ("YunfuTokenExpiring", "warning"),
    ]
    assert [end[2] for end in ends[1:]] == [" 7 * 86400", " 12 * 3600"]
    (blocked,) = (expr for name, expr in alerts if name == "YunfuTaskCarrierBlocked")
    assert "[10m]) > 0.25" in blocked


ACCOUNT = yaml.safe_load(MINIMAL.read_text(encoding="utf-8"))["config"]["accounts"][0]
REFUSED = [
    ({"replicas": 2}, "additional properties 'replicas' not allowed"),
    ({"image": {"tga": "1"}}, "'tga'"),
    ({"config": {"pol": {"interval": "30s"}}}, "'pol'"),
    ({"config": {"accounts": [{"name": "main", "discovery": {"state": ["running"]}}]}}, "'state'"),
    ({"config": {"listen": ":80"}}, "'listen'"),
    ({"shards": 0}, "minimum"),
    ({"monitor": {"enabled": "yes"}}, "must be one of"),
    ({"web": {"basicAuthUsers": {"prometheus": "secret"}}}, "does not match pattern"),
    ({"web": {"basicAuthUsers": {"prometheus": HASH}}}, "scrape.basicAuthSecret is empty"),
    ({"web": {"existingSecret": "mine", "tls": {"secretName": "tls"}}}, "expected it alone"),
    ({"web": {"existingSecret": "mine", "existingSecretHasTls": True}}, "scrape.tlsConfig is empty"),
    ({"web": {"tls": {"secretName": "a"}, "certManager": {"enabled": True}}}, "both give a certificate"),
    ({"web": {"tls": {"clientCaSecretName": "ca"}}}, "under TLS only"),
    ({"web": {"tls": {"secretName": "a", "clientCaSecretName": "ca"}}}, "needs a client certificate"),
    ({"web": {"certManager": {"enabled": True}}}, "issuerRef.name is missing"),
    ({"config": {"accounts": []}}, "config.accounts is empty"),
    ({"tokens": {"existingSecrets": []}}, 'account "main" has no token'),
    ({"tokens": {"values": {"mian": "x"}}}, "tokens.values.mian: no account reads it"),
    (
        {"config": {"accounts": [{**ACCOUNT, "name": "华东"}]}},
        "give the account a token_file, such as /run/secrets/yunfu/KEY",
    ),
    ({"config": {"accounts": [{"name": "main"}]}}, "missing properties 'base_url', 'user_id'"),
    ({"config": {"accounts": [{**ACCOUNT, "name": 10086}]}}, "got number, want string"),
    ({"fullnameOverride": "yunfu.east"}, "does not match pattern"),
    ({"web": {"certManager": {"duration": "90d"}}}, "does not match pattern"),
    ({"podDisruptionBudget": {"maxUnavailable": "0%"}}, "does not match pattern"),
    ({"existingConfig": {"secretName": "mine"}}, "expected it alone, without config"),
    (
        {"prometheusRule": {"alerts": {"YunfuTaskStaled": {"for": "1h"}}}},
        "there is no such alert; expected one of Yunfu",
    ),
    (
        {"prometheusRule": {"alerts": {"YunfuTokenExpiring": {"thresholds": {"days": 2}}}}},
        "no such threshold; expected critical_hours, warning_days",
    ),
    ({"prometheusRule": {"alerts": {"YunfuTaskStalled": {"severty": "info"}}}}, "'severty'"),
    ({"dashboards": {"languages": ["de"]}}, "must be one of"),
    ({"monitoringOperator": "victoria"}, "must be one of"),
    ({"alertmanager": {"enabled": True}}, "alertmanager.routes is empty"),
    (
        {"alertmanager": {"enabled": True, "robots": {"on-call": "dingtalk"}, "routes": {"critical": "oncall"}}},
        'alertmanager.routes.critical: there is no robot "oncall"; expected one of alertmanager.robots: on-call',
    ),
    (
        {"alertmanager": {"enabled": True, "robots": {}, "teams": {"a": "b"}}},
        "expected one of alertmanager.robots: none",
    ),
    ({"alertmanager": {"robots": {"on-call": "dingding"}}}, "must be one of"),
    ({"config": {"state_file": "/srv/state.db"}}, "'state_file'"),
    ({"state": {"persistence": {"size": "1 GB"}}}, "does not match pattern"),
    ({"state": {"persistence": {"existingClaim": "mine"}}}, "existingClaim is not used"),
    ({"state": {"enabled": False, "persistence": {"enabled": True}}}, "there would be no state file to keep"),
    (
        {"shards": 2, "state": {"persistence": {"enabled": True, "existingClaim": "mine"}}},
        "shards cannot share a claim",
    ),
]


@pytest.mark.parametrize(("values", "fault"), REFUSED, ids=[fault for _, fault in REFUSED])
def test_mistakes_are_refused(values: dict[str, Any], fault: str, tmp_path: Path) -> None:
    """A misspelt key and values that do not go together are named, with what is accepted, and nothing is rendered."""
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    refused = template("--values", MINIMAL, "--values", tmp_path / "values.yaml")
    assert refused.returncode == 1
    assert fault in refused.stderr
    assert refused.stdout == ""


def _pods() -> Iterator[tuple[str, Manifest]]:
    for values in CI_VALUES:
        for each in of_kind(rendered("--values", values), "Deployment", "StatefulSet", "Pod"):
            spec = each["spec"] if each["kind"] == "Pod" else each["spec"]["template"]["spec"]
            yield f"{values.name} {each['kind']}", spec


def test_pods_are_restricted() -> None:
    """By default they pass the Pod Security Standard ``restricted``, and have neither a token nor a writable root."""
    seen = 0
    for where, spec in _pods():
        if where.startswith("surface-"):  # changes the security contexts
            continue
        context, own = spec["securityContext"], spec["containers"][0]["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"], context["seccompProfile"]) == (
            True,
            65532,
            {"type": "RuntimeDefault"},
        ), where
        assert own == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, where
        assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False), where
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), where
        kinds = {key for volume in spec.get("volumes", []) for key in volume if key != "name"}
        assert kinds <= {"configMap", "secret", "projected", "emptyDir", "persistentVolumeClaim"}, where
        assert not any("hostPort" in port for port in spec["containers"][0].get("ports", [])), where
        assert all("subPath" not in mount for mount in spec["containers"][0].get("volumeMounts", [])), where
        seen += 1
    assert seen == 2 * (len(CI_VALUES) - 1)


@A_FILE
def test_each_pod_has_its_own_state_file(values: Path) -> None:
    """It is in a folder that the pod may write to; shards share no volume, and a lone pod's claim is made or the user's."""
    manifests = rendered("--values", values)
    (workload,) = of_kind(manifests, "Deployment", "StatefulSet")
    pod = Pod(manifests, Path(), {})
    volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
    templates = {each["metadata"]["name"] for each in workload["spec"].get("volumeClaimTemplates", [])}
    mounts = {mount["name"]: Path(mount["mountPath"]) for mount in pod.container["volumeMounts"]}
    files = [Path(word.partition("=")[2]) for word in pod.container["args"] if word.startswith("--state_file=")]
    if values.name.startswith("environment-"):  # turns it off
        assert (files, mounts.keys() & {"state"}, volumes.keys() & {"state"}) == ([], set(), set())
        return
    assert [file.parent for file in files] == [mounts["state"]]
    assert not any(mount.get("readOnly") for mount in pod.container["volumeMounts"] if mount["name"] == "state")
    assert ("state" in templates) + ("state" in volumes) == 1
    if claim := volumes.get("state", {}).get("persistentVolumeClaim"):
        assert workload["kind"] == "Deployment"
        made = [each["metadata"]["name"] for each in of_kind(manifests, "PersistentVolumeClaim")]
        assert made == ([] if values.name.startswith("surface-") else [claim["claimName"]])


def test_a_new_version_leaves_the_claims_of_shards_as_they_are() -> None:
    """Kubernetes refuses any change of a StatefulSet's claims: no version and no label of the user's is on them."""
    (before, after) = (
        the(rendered("--values", CHART / "ci" / "shards-values.yaml", *more), "StatefulSet")["spec"]
        for more in ((), ("--set=commonLabels.team=outbound", "--set=image.tag=v9", "--set=shards=4"))
    )
    assert before["volumeClaimTemplates"] == after["volumeClaimTemplates"]
    assert before["template"] != after["template"]


@A_FILE
def test_everything_selects_the_pods_of_its_own_release(values: Path) -> None:
    """Services, policies, budgets and monitors fit the pods of their release and not those of another of the same chart."""
    mine, other = rendered("--values", values), rendered("--values", values, release="other")

    def pod_labels(manifests: tuple[Manifest, ...]) -> dict[str, str]:
        (workload,) = of_kind(manifests, "Deployment", "StatefulSet")
        labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
        return labels

    service = [each for each in of_kind(mine, "Service") if not each["metadata"]["name"].endswith("-shards")]
    for each in of_kind(
        mine, "Service", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "Deployment", "StatefulSet"
    ):
        spec = each["spec"]
        selector = spec.get("podSelector") or spec["selector"]
        labels = selector.get("matchLabels", selector)
        assert labels.items() <= pod_labels(mine).items(), each["kind"]
        assert not labels.items() <= pod_labels(other).items(), each["kind"]
    for each in of_kind(mine, "ServiceMonitor"):
        labels = each["spec"]["selector"]["matchLabels"]
        fits = [one for one in of_kind(mine, "Service") if labels.items() <= one["metadata"]["labels"].items()]
        assert fits == service
    for each in of_kind(mine, "NetworkPolicy"):
        assert all(rule["ports"] for rule in each["spec"].get("egress", []))
        assert ("Egress" in each["spec"]["policyTypes"]) == bool(each["spec"].get("egress"))


def test_no_label_of_the_values_replaces_one_that_things_are_selected_by(tmp_path: Path) -> None:
    """A label of the values that has the name of one of the chart's is left out; each name stands once."""
    values = tmp_path / "values.yaml"
    taken = {"app.kubernetes.io/name": "planted", "app.kubernetes.io/component": "planted", "team": "outbound"}
    values.write_text(yaml.safe_dump({"commonLabels": taken, "podLabels": taken, "service": {"labels": taken}}))
    made = template("--values", MINIMAL, "--values", values)
    assert "planted" not in made.stdout
    assert all(
        each["metadata"]["labels"]["team"] == "outbound"
        for each in yaml.load_all(made.stdout, yaml.CSafeLoader)
        if each
    )


def test_global_secrets_of_the_registry_may_be_names() -> None:
    """As other charts of a release take them, with which they are shared."""
    made = rendered("--values", MINIMAL, '--set-json=global.imagePullSecrets=["shared",{"name":"other"}]')
    for spec in (the(made, "Deployment")["spec"]["template"]["spec"], the(made, "Pod")["spec"]):
        assert spec["imagePullSecrets"] == [{"name": "shared"}, {"name": "other"}]


def test_a_release_may_be_called_by_a_number() -> None:
    """Every label is text, whatever the release is called."""
    for each in rendered("--values", MINIMAL, "--set=fullnameOverride=yunfu", release="2026"):
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == "2026"
        assert faults_of(each, NEWEST) == []


def test_scaling_restarts_nothing() -> None:
    """Between two and more shards the pods' template stays the same; their number is in the configuration, which is reloaded."""
    two, seven = (
        rendered("--values", CHART / "ci" / "shards-values.yaml", "--set", f"shards={number}") for number in (2, 7)
    )
    assert the(two, "StatefulSet")["spec"]["template"] == the(seven, "StatefulSet")["spec"]["template"]
    config = yaml.safe_load(the(seven, "ConfigMap", "-config")["data"]["yunfu.yaml"])
    assert config["shard"] == {"ordinal": "auto", "total": 7}
    assert the(seven, "StatefulSet")["spec"]["replicas"] == 7


ALONE = "template", "alone", CHART, "--kube-version=1.30", "--values", MINIMAL
PROMETHEUS = "monitoring.coreos.com/v1"


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ([], set()),
        (["--set=monitor.enabled=true"], {"ServiceMonitor"}),
        ([f"--api-versions={PROMETHEUS}"], {"ServiceMonitor", "PrometheusRule"}),
        ([f"--api-versions={VICTORIA}"], {"VMServiceScrape", "VMRule"}),
        ([f"--api-versions={VICTORIA}", "--set=monitor.kind=PodMonitor"], {"VMPodScrape", "VMRule"}),
        ([f"--api-versions={PROMETHEUS},{VICTORIA}"], {"ServiceMonitor", "PrometheusRule"}),
        (
            [f"--api-versions={PROMETHEUS},{VICTORIA}", "--set=monitoringOperator=victoria-metrics"],
            {"VMServiceScrape", "VMRule"},
        ),
        ([f"--api-versions={PROMETHEUS}", "--set=monitoringOperator=victoria-metrics"], set()),
    ],
)
def test_operators_kinds_are_made_where_they_are_known(words: list[str], kinds: set[str]) -> None:
    """``auto`` makes the kinds of one operator that the cluster has, Prometheus' of both; ``true`` insists."""
    made = helm(*ALONE, *words)
    assert made.returncode == 0, made.stderr
    found = {each["kind"]: each["apiVersion"] for each in yaml.load_all(made.stdout, yaml.CSafeLoader) if each}
    assert {kind for kind, api in found.items() if api in {PROMETHEUS, VICTORIA}} == kinds


def test_a_misspelt_alert_is_found_where_no_rules_are_made() -> None:
    """``helm template`` without a cluster's API versions makes no rules, and yet says that there is no such alert."""
    assert "PrometheusRule" not in helm(*ALONE).stdout
    refused = helm(*ALONE, "--set=prometheusRule.alerts.YunfuTaskStaled.enabled=false")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "YunfuTaskStaled: there is no such alert" in refused.stderr


def test_both_operators_get_the_same() -> None:
    """VictoriaMetrics' kinds say what Prometheus' say, but for the names of relabelling, and that vmalert evaluates more often."""
    values = CHART / "ci" / "client-certificates-values.yaml"
    monitor, rules = (the(rendered("--values", values), kind)["spec"] for kind in ("PodMonitor", "PrometheusRule"))
    victoria = rendered(
        "--values", values, "--set=monitoringOperator=victoria-metrics,monitor.enabled=true,prometheusRule.enabled=true"
    )
    ((endpoint,), (scraped,)) = (
        each["podMetricsEndpoints"] for each in (monitor, the(victoria, "VMPodScrape")["spec"])
    )
    renamed = {"relabelings": "relabelConfigs", "metricRelabelings": "metricRelabelConfigs"}
    assert scraped == {renamed.get(key, key): value for key, value in endpoint.items()}
    assert the(victoria, "VMRule")["spec"] == {"groups": [{**group, "interval": "15s"} for group in rules["groups"]]}


@pytest.mark.parametrize(
    ("operator", "secrets", "templates"),
    [
        ("prometheus", "/etc/alertmanager/secrets", "/etc/alertmanager/config"),
        ("victoria-metrics", "/etc/vm/secrets", "/etc/vm/secrets/rel-yunfu-exporter-alertmanager"),
    ],
)
def test_alertmanager_takes_the_robots(operator: str, secrets: str, templates: str, tmp_path: Path) -> None:
    """Its configuration passes amtool, names URLs by file alone, and leads each severity and team to its robot in the language asked for."""
    amtool = need(str(Path.home() / ".cache" / "debian-forky" / "usr" / "bin" / "amtool"), ".ci/run")
    robots = CHART / "ci" / "robots-values.yaml"
    secret = the(rendered("--values", robots, f"--set=monitoringOperator={operator}"), "Secret", "-alertmanager")
    assert secret["metadata"]["namespace"] == "monitoring"
    shipped = ROOT / "prometheus" / "alertmanager" / "yunfu.tmpl"
    assert secret["stringData"]["yunfu.tmpl"].strip() == shipped.read_text(encoding="utf-8").strip()
    config = yaml.safe_load(secret["stringData"]["alertmanager.yaml"])
    hooks = {each["name"]: each["webhook_configs"][0] for each in config["receivers"] if each["name"] != "nobody"}
    assert {name: hook["url_file"] for name, hook in hooks.items()} == {
        name: f"{secrets}/robots/{name}" for name in ("on-call", "team", "retention-group")
    }
    assert all("url" not in hook and ".zh" not in str(hook) and ".en" in str(hook) for hook in hooks.values())
    assert [(route["matchers"], route["receiver"]) for route in config["route"]["routes"]] == [
        (['team="retention"'], "retention-group"),
        (['severity="critical"'], "on-call"),
        (['severity="warning"'], "team"),
        (['severity="info"'], "nobody"),
    ]
    assert config["templates"] == [f"{templates}/*.tmpl"]
    (tmp_path / "yunfu.tmpl").write_text(secret["stringData"]["yunfu.tmpl"], encoding="utf-8")
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump({**config, "templates": ["*.tmpl"]}), encoding="utf-8")
    checked = attempt(amtool, "check-config", tmp_path / "alertmanager.yml")
    assert checked.returncode == 0, checked.stdout
    assert "1 templates" in checked.stdout


@pytest.mark.parametrize("more", [[], [f"--api-versions={VICTORIA}"]], ids=["no operator", "an operator"])
def test_notes_are_in_one_language_and_then_in_the_other(more: list[str], tmp_path: Path) -> None:
    """What Helm prints after an installation is English whole, then Chinese whole, with the same commands."""
    shutil.copytree(CHART, tmp_path / "chart")
    notes = tmp_path / "chart" / "templates" / "NOTES.txt"
    shown = (
        '{{ define "notes" }}' + notes.read_text(encoding="utf-8") + '{{ end }}text: {{ include "notes" . | toJson }}'
    )
    (tmp_path / "chart" / "templates" / "shown.yaml").write_text(shown, encoding="utf-8")
    made = helm(
        "template",
        RELEASE,
        tmp_path / "chart",
        "--kube-version=1.30",
        "--values",
        MINIMAL,
        "--show-only=templates/shown.yaml",
        *more,
    )
    english, chinese = yaml.safe_load(made.stdout)["text"].split("\n---\n")
    assert re.search("[\u4e00-\u9fff]", english) is None
    paragraphs = [part for part in chinese.split("\n\n") if part.strip()]
    assert all(part.startswith("  ") or re.search("[\u4e00-\u9fff]", part) for part in paragraphs)
    assert len(paragraphs) == len([part for part in english.split("\n\n") if part.strip()])
    assert re.findall("^  .+", english, re.MULTILINE) == re.findall("^  .+", chinese, re.MULTILINE)


def test_the_package_has_everything(tmp_path: Path) -> None:
    """A packaged chart has rules and dashboards as files, none of the tests' values, and renders what the folder renders."""
    packed = helm("package", CHART, "--destination", tmp_path)
    assert packed.returncode == 0, packed.stderr
    (archive,) = tmp_path.glob("*.tgz")
    assert archive.stat().st_size < 500_000  # Helm keeps it in a Secret, of which etcd takes 1 MiB
    with tarfile.open(archive) as tar:
        names = {name.removeprefix("yunfu-exporter/") for name in tar.getnames()}
        assert all(member.isfile() for member in tar.getmembers())
    assert {each for each in names if each.startswith("files/alertmanager/")} == {
        "files/alertmanager/alertmanager.yml",
        "files/alertmanager/yunfu.tmpl",  # and none of the user's secrets beside them
    }
    sources = {"rules": ROOT / "prometheus" / "rules", "dashboards": ROOT / "grafana" / "dashboards"}
    for name, source in sources.items():
        files = {f"files/{name}/{path.relative_to(source)}" for path in source.rglob("*.*") if path.is_file()}
        assert {each for each in names if each.startswith(f"files/{name}/")} == files
    assert not any(name.startswith("ci/") for name in names)
    words = (
        "--namespace=outbound",
        "--kube-version=1.30",
        "--api-versions=monitoring.coreos.com/v1",
        "--values",
        MINIMAL,
    )
    assert helm("template", "rel", archive, *words).stdout == template("--values", MINIMAL).stdout


def test_dashboards_are_shipped_as_they_are() -> None:
    """Each dashboard is in a ConfigMap of its own, unchanged, and small enough for kubectl apply."""
    shipped = {}
    for each in filter(is_dashboard, rendered("--values", MINIMAL)):
        ((name, text),) = each["data"].items()
        shipped[name] = json.loads(text)
        assert len(text) < 250_000
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert each["metadata"]["annotations"]["grafana_folder"] == (
            "Yunfu" if name.endswith("-en.json") else "云蝠外呼"
        )
    folder = ROOT / "grafana" / "dashboards"
    sources = {
        f"yunfu-{path.stem}-{path.parent.name}.json": json.loads(path.read_text(encoding="utf-8"))
        for path in folder.glob("*/*.json")
    }
    assert shipped == sources


def test_ci_installs_what_these_tests_use() -> None:
    """The versions pinned here are those that .ci/run installs."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [each for each in (HELM, TOOLS.name, *CRDS) if each not in script] == []
