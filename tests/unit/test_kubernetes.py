"""deploy/kubernetes: every object fits Kubernetes' schema, what it names exists, SendIt reads its configuration."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes.client import ApiClient

from sendit.config.file import read_configuration
from sendit.config.schema import load

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OBJECTS: list[dict[str, Any]] = [
    one for name in KUSTOMIZATION["resources"] for one in yaml.safe_load_all((FOLDER / name).read_text())
]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SECRETS = dict(re.findall(r"^([A-Z_]+)=(.*)$", (FOLDER / "secrets.env.example").read_text(), re.MULTILINE))
#: Kubernetes' own client: its models are made from the OpenAPI description of the server.
API = ApiClient()


def objects(*kinds: str) -> list[dict[str, Any]]:
    return [one for one in OBJECTS if one["kind"] in kinds]


def one_of(kind: str, name: str) -> dict[str, Any]:
    [found] = [one for one in objects(kind) if one["metadata"]["name"] == name]
    return found


def pods() -> list[dict[str, Any]]:
    return [one["spec"]["template"] for one in objects("Deployment", "StatefulSet")]


def container(kind: str, name: str) -> dict[str, Any]:
    [only] = one_of(kind, name)["spec"]["template"]["spec"]["containers"]
    return dict(only)


def as_kubernetes_reads(document: dict[str, Any]) -> Any:
    """What is left of an object after its model: what the model does not know is not in it."""
    model = API.deserialize(SimpleNamespace(data=json.dumps(document)), f"V1{document['kind']}")
    return API.sanitize_for_serialization(model)


@pytest.mark.parametrize("document", OBJECTS, ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_every_object_fits_its_schema(document: dict[str, Any]) -> None:
    """Nothing is of a wrong type or missing, and no key is unknown to Kubernetes."""
    assert as_kubernetes_reads(document) == document


def test_what_does_not_fit_is_noticed() -> None:
    """A misspelt key, a wrong type, a missing key."""
    misspelt, wrong, missing = (copy.deepcopy(one_of("Deployment", "source")) for _ in range(3))
    misspelt["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    assert as_kubernetes_reads(misspelt) != misspelt
    wrong["spec"]["replicas"] = "many"
    with pytest.raises(ValueError, match="many"):
        as_kubernetes_reads(wrong)
    del missing["spec"]["template"]["spec"]["containers"]
    with pytest.raises(ValueError, match="containers"):
        as_kubernetes_reads(missing)


def test_every_file_is_used() -> None:
    """No manifest lies beside the others unnamed."""
    named = {
        *KUSTOMIZATION["resources"],
        "kustomization.yaml",
        "orthanc.json",
        "passwd",
        "group",
        "secrets.env.example",
    }
    assert {path.name for path in FOLDER.iterdir()} - {"secrets.env"} == named
    assert KUSTOMIZATION["configMapGenerator"] == [{"name": "orthanc", "files": ["orthanc.json", "passwd", "group"]}]
    assert KUSTOMIZATION["secretGenerator"] == [{"name": "sendit", "envs": ["secrets.env"]}]


def test_sendit_reads_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variables of the container and no others: SendIt knows every key, and the rest fits the manifests."""
    source = container("Deployment", "source")
    values = {one["name"]: one.get("value", "a-password") for one in source["env"]}
    for name, value in values.items():
        monkeypatch.setenv(name, value.replace("$(POSTGRES_PASSWORD)", "a-password"))
    document = read_configuration(FOLDER / "orthanc.json")
    settings, _ = load(document)
    assert str(settings.data_directory) == values["SENDIT_DATA_DIRECTORY"]
    mounts = {one["mountPath"]: one["name"] for one in source["volumeMounts"]}
    assert mounts[str(settings.data_directory.parent)] == "sendit"
    assert mounts[document["StorageDirectory"]] == mounts[document["IndexDirectory"]] == "orthanc"
    assert {one["name"]: one["containerPort"] for one in source["ports"]} == {
        "http": document["HttpPort"],
        "dicom": document["DicomPort"],
    }
    assert source["args"] == ["/etc/orthanc/orthanc.json"]
    assert document["OrthancPeers"]["research"]["Password"] == document["RegisteredUsers"]["admin"] == "a-password"
    assert settings.database.startswith("postgresql://sendit:a-password@database/")
    assert one_of("Service", "database")


def test_the_group_of_the_volumes_is_the_users_own() -> None:
    """SendIt refuses keys on the way to which others may write, and Kubernetes lets the group write."""
    context = one_of("Deployment", "source")["spec"]["template"]["spec"]["securityContext"]
    [user] = re.findall(r"^orthanc:x:(\d+):(\d+):", (FOLDER / "passwd").read_text(), re.MULTILINE)
    [group] = re.findall(r"^orthanc:x:(\d+):$", (FOLDER / "group").read_text(), re.MULTILINE)
    assert [context["runAsUser"], context["runAsGroup"], context["fsGroup"]] == [*map(int, (*user, group))]
    mounts = {one["mountPath"]: one.get("subPath") for one in container("Deployment", "source")["volumeMounts"]}
    assert (mounts["/etc/passwd"], mounts["/etc/group"]) == ("passwd", "group")


def test_every_secret_is_asked_for() -> None:
    """By the containers, all of those of the example and no others; it holds no value."""
    asked = {
        (one["valueFrom"]["secretKeyRef"]["name"], one["valueFrom"]["secretKeyRef"]["key"])
        for pod in pods()
        for box in pod["spec"]["containers"]
        for one in box["env"]
        if "valueFrom" in one
    }
    assert asked == {("sendit", name) for name in SECRETS}
    assert set(SECRETS.values()) == {""}


def test_volumes_and_selectors_lead_somewhere() -> None:
    """Every mount has a volume, every claim exists, every Service and policy has its pods and their ports."""
    claims = {one["metadata"]["name"] for one in objects("PersistentVolumeClaim")}
    for workload in objects("Deployment", "StatefulSet"):
        spec = workload["spec"]["template"]["spec"]
        volumes = {one["name"] for one in spec["volumes"]}
        volumes |= {one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])}
        assert {one["name"] for box in spec["containers"] for one in box["volumeMounts"]} == volumes
        used = {one["persistentVolumeClaim"]["claimName"] for one in spec["volumes"] if "persistentVolumeClaim" in one}
        assert used <= claims
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()
    for service in objects("Service"):
        ports = ports_of(service["spec"]["selector"])
        assert all(one.get("targetPort", one["port"]) in ports for one in service["spec"]["ports"])


def ports_of(labels: dict[str, str]) -> set[str | int]:
    """Names and numbers of the ports of the one pod that has these labels."""
    [pod] = [one for one in pods() if labels.items() <= one["metadata"]["labels"].items()]
    return {one[key] for box in pod["spec"]["containers"] for one in box["ports"] for key in ("name", "containerPort")}


def test_the_network_is_closed_but_for_what_is_named() -> None:
    """Everything is refused first; each policy names peers and ports, and the database hears the source alone."""
    [nothing, *others] = objects("NetworkPolicy")
    assert nothing["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in others:
        own = ports_of(policy["spec"]["podSelector"]["matchLabels"])
        for rule in policy["spec"].get("ingress", []):
            assert rule["from"]
            assert {one["port"] for one in rule["ports"]} <= own
        for rule in policy["spec"].get("egress", []):
            assert rule["to"]
            assert rule["ports"]
    [database] = [one for one in others if one["metadata"]["name"] == "database"]
    [rule] = database["spec"]["ingress"]
    assert [one["podSelector"]["matchLabels"] for one in rule["from"]] == [{"app.kubernetes.io/name": "source"}]
    assert "egress" not in database["spec"]


@pytest.mark.parametrize("pod", pods(), ids=lambda one: one["metadata"]["labels"]["app.kubernetes.io/name"])
def test_no_container_may_more_than_it_needs(pod: dict[str, Any]) -> None:
    """As the namespace asks for (Pod Security "restricted"): else Kubernetes starts none of them."""
    assert one_of("Namespace", "sendit")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    spec = pod["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for box in spec["containers"]:
        assert box["securityContext"]["allowPrivilegeEscalation"] is False
        assert box["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert box["securityContext"]["readOnlyRootFilesystem"] is True


def commands() -> Iterator[list[str]]:
    source = container("Deployment", "source")
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        yield source[name]["exec"]["command"]


def test_the_probes_are_those_of_the_image() -> None:
    """The image has what they call; only the last asks for the worker, too."""
    healthcheck = ["/opt/sendit/bin/python", "/usr/share/sendit/healthcheck.py"]
    assert [*commands()] == [[*healthcheck, "orthanc"], [*healthcheck, "orthanc"], healthcheck]
    assert all(word in DOCKERFILE for word in healthcheck)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_builds_it(tmp_path: Path) -> None:
    """Without secrets.env it stops; with it, names are filled in and no password is in a manifest but the secret's."""
    folder = shutil.copytree(FOLDER, tmp_path / "kubernetes", ignore=shutil.ignore_patterns("secrets.env"))
    command = ["kubectl", "kustomize", str(folder)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "secrets.env" in refused.stderr
    (folder / "secrets.env").write_text("".join(f"{name}=value-of-{name}\n" for name in SECRETS))
    built = [*yaml.safe_load_all(subprocess.run(command, capture_output=True, text=True, check=True).stdout)]
    assert len(built) == len(OBJECTS) + 2
    names = {(one["kind"], one["metadata"]["name"]) for one in built}
    [source] = [one for one in built if (one["kind"], one["metadata"]["name"]) == ("Deployment", "source")]
    spec = source["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"].startswith("registry.example.org/sendit:")
    assert ("ConfigMap", spec["volumes"][0]["configMap"]["name"]) in names
    assert [one["kind"] for one in built if "value-of-" in str(one)] == []  # a Secret's values are in Base64
    assert {one["metadata"].get("namespace", "sendit") for one in built} == {"sendit"}
