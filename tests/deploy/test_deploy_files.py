"""The files under deploy/: what they must say so that a node run by them is contained and ends in order."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import yaml

from oracle import __version__
from oracle.node.config import parse_config
from oracle.store.watch_state import ALERT_KINDS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "filing-gate.service"
DOCKERFILE = DEPLOY / "Dockerfile"
COMPOSE = DEPLOY / "compose" / "compose.yaml"


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text("utf-8"))
    return parser


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile with its arguments, continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text("utf-8").splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines()]


def test_unit__hardened_and_stopped_in_order() -> None:
    service = unit()["Service"]
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["User"] != "root"
    assert service["StateDirectory"] == "filing-gate"
    assert service["LoadCredential"].startswith("password:")
    assert service["Restart"] == "always"
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) > 20 + 30, "requests in flight, then the sweep"
    assert shlex.split(service["ExecStart"])[1:2] == ["serve"]


def test_unit__systemd_itself__finds_no_fault(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    text = UNIT.read_text("utf-8").replace("/opt/filing-gate/bin/filing-gate", "/bin/true")
    text = re.sub(r"(?m)^(User|Group)=.*$", r"\1=root", text)
    (tmp_path / "filing-gate.service").write_text(text, "utf-8")
    if program is None:  # a machine without systemd: the sections and keys at least
        assert unit().sections() == ["Unit", "Service", "Install"]
        return
    done = subprocess.run([program, "verify", str(tmp_path / "filing-gate.service")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_dockerfile__stages_pinned_not_root_with_a_health_check() -> None:
    found = instructions()
    known = {"FROM", "WORKDIR", "RUN", "ENV", "COPY", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"}
    assert {name for name, _ in found} <= known | {"ENTRYPOINT", "CMD"}
    bases = [text for name, text in found if name == "FROM"]
    assert len(bases) == 3
    for base in bases:
        image = base.split()[0]
        assert re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+-[a-z-]+", image), "pinned by tag, and no host name"
    last = found[max(index for index, (name, _) in enumerate(found) if name == "FROM") :]
    user = dict(last)["USER"]
    assert user.split(":")[0] not in ("0", "root")
    assert any(name == "HEALTHCHECK" and "/healthz" in text for name, text in last)
    assert dict(last)["STOPSIGNAL"] == "SIGTERM"
    for name, text in found:
        if name in ("CMD", "ENTRYPOINT"):
            assert isinstance(json.loads(text), list), "the exec form: a shell would swallow SIGTERM"
        if name == "COPY" and "--from" not in text:
            for source in text.split()[:-1]:
                assert (ROOT / source).exists(), source


def test_dockerfile__python__is_one_the_project_supports() -> None:
    minor = re.search(r"FROM python:3\.(\d+)\.", DOCKERFILE.read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    low, high = (int(item) for item in re.findall(r"3\.(\d+)", project))
    assert minor is not None
    assert low <= int(minor[1]) < high


def test_compose__replicas_database_and_secrets_fit_together() -> None:
    content = yaml.safe_load(COMPOSE.read_text("utf-8"))
    services = content["services"]
    assert {"database", "node-a", "node-b", "gate"} <= services.keys()
    for name in ("node-a", "node-b"):
        node = services[name]
        assert node["read_only"] is True
        assert node["cap_drop"] == ["ALL"]
        assert node["image"] == f"filing-gate:{__version__}"
        assert "ports" not in node, "only nginx is reached from outside"
        assert node["depends_on"] == {"database": {"condition": "service_healthy"}}
    for service in services.values():
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", service["image"]), service["image"]
        assert set(service.get("secrets", ())) <= content["secrets"].keys()
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source.startswith(".") or source in content["volumes"], volume
    text = (DEPLOY / "compose" / "nginx.conf").read_text("utf-8")
    assert set(re.findall(r"server (node-\w+):8700", text)) == {"node-a", "node-b"}
    assert text.count("{") == text.count("}")
    targets = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))["scrape_configs"][0]
    assert targets["static_configs"][0]["targets"] == ["node-a:8700", "node-b:8700"]
    assert targets["job_name"] == "filing-gate"


def test_compose__configuration__is_one_that_loads() -> None:
    text = (DEPLOY / "compose" / "node.toml.example").read_text("utf-8")
    config = parse_config(text, where="node.toml.example")
    assert config.http.port == 8700
    assert config.store.url.startswith("postgresql+psycopg://")


def test_operations_page__table_of_alerts__is_that_of_the_rules() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(FilingGate\w+)` \| (critical|warning) \|", page, re.MULTILINE))
    assert rows == {rule["alert"]: rule["labels"]["severity"] for rule in rules}
    assert len(rows) == len(rules)


def test_alert_rules__kinds_they_name__are_the_watch_s_and_those_of_its_page() -> None:
    text = (DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8")
    named = set(re.findall(r'filing_gate_alerts\{[^}]*kind!?="([^"]*)"', text))
    assert named == {"suspension"}
    page = (ROOT / "docs" / "watch.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \|", page, re.MULTILINE)
    shown = {kind for row in rows for kind in re.findall(r"`([a-z-]+)`", row)}
    assert shown == set(ALERT_KINDS)


def test_alert_rules__promtool_itself__finds_no_fault() -> None:
    program = shutil.which("promtool")
    rules = DEPLOY / "prometheus" / "alerts.yml"
    if program is None:  # a machine without Prometheus: the form of each rule at least
        for rule in yaml.safe_load(rules.read_text("utf-8"))["groups"][0]["rules"]:
            assert (
                {"alert", "expr", "labels", "annotations"}
                <= rule.keys()
                <= {*("alert", "expr", "for", "labels", "annotations")}
            )
            assert rule["expr"].count("(") == rule["expr"].count(")")
        return
    done = subprocess.run([program, "check", "rules", str(rules)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
