"""The manifests, the compose file, the image's recipe and the units agree with the gateway and with their schemas."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml

from voxport import serving, supervisor, worker
from voxport.settings import Settings
from voxport.testing.doubles.server import PromptServer
from voxport.tls.own_certificate import OwnCertificate
from voxport.tls.server import ServerTls

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
KUBERNETES = "1.31"
S3 = re.compile(r"VOXPORT_S3_\w+")  # settings of the S3 storage


def _objects() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in MANIFESTS:
        for item in yaml.safe_load_all(path.read_text("utf-8")):
            yield f"{path.name} {item['kind']} {item['metadata']['name']}", item


OBJECTS = dict(_objects())
DEPLOYMENTS = {name: item for name, item in OBJECTS.items() if item["kind"] == "Deployment"}
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text("utf-8"))
SETTINGS = {f"VOXPORT_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.skipif(
    importlib.util.find_spec("kubernetes_validate") is None, reason="kubernetes-validate is missing: make deploy-setup"
)
@pytest.mark.parametrize("name", [name for name in OBJECTS if "PodMonitor" not in name])
def test_a_manifest_is_valid_by_kubernetes_own_schema(name: str) -> None:
    import kubernetes_validate

    kubernetes_validate.validate(OBJECTS[name], KUBERNETES, strict=True)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_selects_its_own_pods_and_no_others(name: str) -> None:
    spec = DEPLOYMENTS[name]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels
    others = [other["spec"]["template"]["metadata"]["labels"] for key, other in DEPLOYMENTS.items() if key != name]
    assert labels not in others


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"])
def test_what_belongs_to_a_deployment_names_it(kind: str) -> None:
    names = {item["metadata"]["name"] for item in DEPLOYMENTS.values()}
    labels = [item["spec"]["selector"]["matchLabels"] for item in DEPLOYMENTS.values()]
    found = [item["spec"] for item in OBJECTS.values() if item["kind"] == kind]
    assert found
    for spec in found:
        if kind == "HorizontalPodAutoscaler":
            assert spec["scaleTargetRef"]["name"] in names
        else:
            assert spec["selector"].get("matchLabels", spec["selector"]) in labels


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_pod_may_do_little_and_ends_with_grace(name: str) -> None:
    pod = DEPLOYMENTS[name]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert {"memory"} <= container["resources"]["limits"].keys()
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    ports = {port["name"] for port in container["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    is_api = container["args"][0] == "serve"
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1]) if is_api else 0
    drain = serving._SHUTDOWN_TIMEOUT_SECONDS if is_api else worker._DRAIN_SECONDS
    assert pod["terminationGracePeriodSeconds"] >= pause + drain + 5
    assert container["readinessProbe"]["httpGet"]["path"] == ("/readyz" if is_api else "/healthz")


def test_every_variable_that_is_set_is_a_setting() -> None:
    named: set[str] = set()
    for item in OBJECTS.values():
        named |= item.get("data", {}).keys() | item.get("stringData", {}).keys()
    for item in DEPLOYMENTS.values():
        named |= {one["name"] for one in item["spec"]["template"]["spec"]["containers"][0].get("env", [])}
    for service in COMPOSE["services"].values():
        if service["image"].startswith("voxport:"):
            named |= service["environment"].keys()
    for path in [DEPLOY / "Dockerfile", *(DEPLOY / "systemd").glob("*.service")]:
        named |= set(re.findall(r"\bVOXPORT_\w+", path.read_text("utf-8")))
    assert len(named) > 10
    assert {name for name in named - SETTINGS if S3.fullmatch(name) is None} == set()


def test_the_compose_file_has_what_it_promises() -> None:
    services = COMPOSE["services"]
    own = {name: one for name, one in services.items() if one["image"].startswith("voxport:")}
    assert sum(one["command"][0] == "serve" for one in own.values()) == 2
    workers = [one for one in own.values() if one["command"][0] == "worker"]
    assert sum(one.get("deploy", {}).get("replicas", 1) for one in workers) == 3
    assert {one["command"][2] for one in workers} == {"engine", "network"}
    for one in own.values():
        grace = float(one["stop_grace_period"].removesuffix("s"))
        least = serving._SHUTDOWN_TIMEOUT_SECONDS if one["command"][0] == "serve" else worker._DRAIN_SECONDS
        assert grace >= least + 5
        assert one["read_only"]
        assert one["cap_drop"] == ["ALL"]
    for name, one in services.items():
        assert set(one.get("depends_on", {})) <= services.keys(), name
        assert re.fullmatch(r"\S+:[\w.-]+", one["image"]), f"{name} has no version"
        assert ":latest" not in one["image"]
        for port in one.get("ports", []):
            assert port.startswith("127.0.0.1:"), "nothing is open to the network before the operator says so"
    example = (DEPLOY / "compose.env.example").read_text("utf-8")
    text = (DEPLOY / "compose.yml").read_text("utf-8")
    for required in re.findall(r"\$\{(\w+):\?", text):
        assert re.search(rf"^{required}=", example, re.MULTILINE), required
    assert "deploy/compose.env" in (DEPLOY.parent / ".gitignore").read_text("utf-8").splitlines()


@pytest.mark.skipif(
    importlib.util.find_spec("compose_spec") is None, reason="compose-spec is missing: make deploy-setup"
)
def test_the_compose_file_is_valid_by_the_compose_specification() -> None:
    import compose_spec

    compose_spec.PyCompose.from_json(json.dumps(COMPOSE)).validate()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", ["voxport.service", "voxport-worker@.service"])
def test_a_unit_is_one_that_systemd_takes(unit: str, tmp_path: Path) -> None:
    text = (DEPLOY / "systemd" / unit).read_text("utf-8")
    grace = re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert grace is not None
    least = serving._SHUTDOWN_TIMEOUT_SECONDS if unit == "voxport.service" else worker._DRAIN_SECONDS
    assert int(grace[1]) > max(least, supervisor._STOP_SECONDS)
    (tmp_path / unit).write_text(text.replace("/opt/voxport/bin/voxport", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", ["voxport.service", "voxport-worker@.service"])
def test_a_unit_may_do_little(unit: str, tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "systemd" / unit, tmp_path)
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", unit]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)  # 0 to 100, less is better
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("status", [200, 503])
def test_the_images_health_check_asks_by_http_or_https(scheme: str, status: int, tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["path"] == "/healthz"
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    tls = ServerTls(OwnCertificate(tmp_path), "127.0.0.1")
    options: dict[str, Any] = {"ssl_context_factory": lambda *_: tls.context} if scheme == "https" else {}
    listener = socket.create_server(("127.0.0.1", 0))
    port = str(listener.getsockname()[1])
    server = PromptServer(uvicorn.Config(app, lifespan="off", log_config=None, **options), grace_seconds=1)
    command = [sys.executable, str(DEPLOY / "healthcheck.py"), port]
    with server.running(listener):
        assert subprocess.run(command).returncode == (0 if status == 200 else 1)
    assert subprocess.run(command).returncode == 1, "nobody answers"


def test_the_image_needs_only_what_its_context_holds() -> None:
    recipe = (DEPLOY / "Dockerfile").read_text("utf-8")
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").split()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", recipe, re.MULTILINE)
    for source in " ".join(copied).split():
        assert (DEPLOY.parent / source).exists(), source
        assert f"!{source}" in allowed or source.startswith("requirements/"), source
    for needed in tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text("utf-8"))["project"]["license-files"]:
        assert needed in " ".join(copied).split() or needed.startswith("src/"), needed
    assert re.findall(r"^FROM (\S+)", recipe, re.MULTILINE) == ["${BASE}"] * 2
    assert re.findall(r"^ARG BASE=(\S+)", recipe, re.MULTILINE) == ["python:3.11.13-slim-bookworm"]
    assert re.search(r"^USER 10001", recipe, re.MULTILINE)
    assert "HEALTHCHECK" in recipe


@pytest.mark.skipif(shutil.which("hadolint", path=str(DEPLOY.parent / ".venv" / "bin")) is None, reason="no hadolint")
def test_the_recipe_of_the_image_passes_the_linter() -> None:
    program = DEPLOY.parent / ".venv" / "bin" / "hadolint"
    done = subprocess.run([str(program), str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
