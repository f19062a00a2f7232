"""The files that deploy Leadloop agree with the code, with each other and with the runbook."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from leadloop import metrics
from leadloop.events import topics
from services.intake import metrics as intake_metrics  # noqa: F401  # as above
from services.intake.sources import parse_sources
from services.rooms import misspelt_variables

ROOT = Path(__file__).parents[2]
PORTS = {"intake": 8001, "scoring": 8002, "handoff": 8003, "feedback": 8004}
MAKE_ALL = """
from leadloop.clock import SystemClock
from leadloop.ids import Ids
from leadloop.metrics import exposition
from services.rooms import ROOMS, build_service

made = [build_service(room, clock=SystemClock(), ids=Ids()) for room in ROOMS]
print(exposition().decode())
"""
MOUNT = "            - {name: sources, mountPath: /etc/leadloop, readOnly: true}\n"
VOLUME = "        - name: sources\n          configMap: {name: leadloop-sources}\n"
METRIC = re.compile(r"\bleadloop_[a-z_]+")


def read_yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def metric_names() -> set[str]:
    """Every name a scrape may hold."""
    return {name for family in REGISTRY.collect() for name in names_of(family)}


def names_of(family: Metric) -> set[str]:
    """The names of a metric's samples: a counter and a histogram have others than their own."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return {family.name + suffix for suffix in suffixes.get(family.type, ("",))}


def alerts() -> list[dict[str, Any]]:
    rules = read_yaml("deploy/prometheus/rules.yml")
    return [rule for group in rules["groups"] for rule in group["rules"]]


def alert_tests() -> Iterator[tuple[str, bool]]:
    """The alerts that promtool is asked about, with whether each should fire there."""
    for file in ("rules.test.yml", "rules.week.test.yml"):
        for test in read_yaml(f"deploy/prometheus/{file}")["tests"]:
            for case in test["alert_rule_test"]:
                yield case["alertname"], bool(case["exp_alerts"])


def panels() -> list[dict[str, Any]]:
    board = json.loads((ROOT / "deploy/grafana/dashboards/leadloop.json").read_text())
    return [panel for panel in board["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_asks_for_metrics_that_exist(alert: dict[str, Any]) -> None:
    assert set(METRIC.findall(alert["expr"])) <= metric_names()


@pytest.fixture(scope="session")
def first_scrape() -> list[Sample]:
    """What the four services show when they were made and nothing happened yet."""
    made = subprocess.run(
        [sys.executable, "-c", MAKE_ALL], capture_output=True, text=True, check=True, cwd=ROOT
    )
    families = text_string_to_metric_families(made.stdout)
    return [sample for family in families for sample in family.samples]


def counted(alert: dict[str, Any]) -> list[tuple[str, str]]:
    """The counters that an alert asks for, each with its conditions on labels."""
    counters = re.compile(r"\b(leadloop_[a-z_]+_(?:total|bucket))(?:\{([^}]*)\})?")
    return counters.findall(alert["expr"])


def fits(sample: Sample, name: str, conditions: str) -> bool:
    asked = re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', conditions)
    return sample.name == name and all(
        (re.fullmatch(value, sample.labels.get(label, "")) is not None) == (how != "!=")
        for label, how, value in asked
    )


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_what_an_alert_counts_is_there_before_anything_happened(
    alert: dict[str, Any], first_scrape: list[Sample]
) -> None:
    for name, conditions in counted(alert):
        found = [one for one in first_scrape if fits(one, name, conditions)]
        assert found, f"{name}{{{conditions}}} comes only with its first event"
        assert {one.value for one in found} == {0}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_is_wrong_and_what_to_do(alert: dict[str, Any]) -> None:
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), flags=re.MULTILINE)

    assert alert["annotations"]["summary"]
    assert alert["annotations"]["action"]
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert anchor == alert["alert"].lower()
    assert alert["alert"] in headings


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_is_proven_to_fire_and_to_stay_quiet(alert: dict[str, Any]) -> None:
    proven = {fires for name, fires in alert_tests() if name == alert["alert"]}

    assert proven == {True, False}


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_asks_for_metrics_that_exist(panel: dict[str, Any]) -> None:
    asked = {name for target in panel["targets"] for name in METRIC.findall(target["expr"])}

    assert asked
    assert asked <= metric_names()


def test_a_metric_that_all_services_have_is_on_the_board_or_in_an_alert() -> None:
    looked_at = [target["expr"] for panel in panels() for target in panel["targets"]]
    looked_at += [alert["expr"] for alert in alerts()]
    shared = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]

    asked = {name for expression in looked_at for name in METRIC.findall(expression)}
    families = [family for metric in shared for family in metric.collect()]
    unseen = [family.name for family in families if not names_of(family) & asked]
    assert unseen == ["leadloop_build_info"]


def test_compose_runs_one_image_four_times_with_nothing_to_write_on() -> None:
    services = read_yaml("docker-compose.yml")["services"]

    for room in PORTS:
        assert services[room]["image"] == services["prepare"]["image"]
        assert services[room]["command"] == ["run", room]
        assert services[room]["read_only"]
        assert services[room]["cap_drop"] == ["ALL"]
        assert services[room]["deploy"]["resources"]["limits"]


def test_compose_holds_no_secret_and_refuses_to_start_without_one() -> None:
    for name, service in read_yaml("docker-compose.yml")["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN", variable):
                assert ":?" in value, f"{name} sets {variable} without asking for it"
            if variable.endswith("DATABASE_URL"):
                assert re.search(r"://\w+@", value), f"{name} holds a password in {variable}"


def test_compose_gives_each_service_its_own_database_url_and_no_other() -> None:
    services = read_yaml("docker-compose.yml")["services"]

    def urls(name: str) -> dict[str, str]:
        given = services[name]["environment"]
        return {key: given[key] for key in given if key.endswith("DATABASE_URL")}

    for room in PORTS:
        (own,) = urls(room).values()
        variable = f"LEADLOOP_{room.upper()}_DATABASE_URL"
        assert own.startswith(f"${{{variable}:-")
        assert urls("prepare")[variable] == own
        settings = import_module(f"services.{room}.settings").Settings
        assert settings(database_url=own.removesuffix("}").partition(":-")[2])


def test_compose_bounds_the_memory_and_the_logs_of_all_that_runs() -> None:
    services = read_yaml("docker-compose.yml")["services"]

    for name, service in services.items():
        assert service["logging"]["options"]["max-size"], name
        if name != "prepare":
            assert service["deploy"]["resources"]["limits"]["memory"], name


def test_scoring_has_memory_for_a_study_wherever_it_runs() -> None:
    default = import_module("services.scoring.settings").Settings.model_fields
    needed = default["study_memory_mb_max"].default + 512
    compose = read_yaml("docker-compose.yml")["services"]["scoring"]["deploy"]
    patch = read_yaml("deploy/kubernetes/kustomization.yaml")["patches"][0]["patch"]

    assert compose["resources"]["limits"]["memory"] == f"{needed}M"
    assert f"value: {needed}Mi" in patch


@pytest.mark.parametrize("room", ["intake", "feedback"])
def test_who_reads_the_sources_has_them(room: str) -> None:
    compose = read_yaml("docker-compose.yml")["services"][room]
    pod = documents(room)["Deployment"]["spec"]["template"]["spec"]

    assert compose["volumes"] == ["./sources.yaml:/etc/leadloop/sources.yaml:ro"]
    assert {"name": "sources", "mountPath": "/etc/leadloop", "readOnly": True} in pod[
        "containers"
    ][0]["volumeMounts"]
    assert {"name": "sources", "configMap": {"name": "leadloop-sources"}} in pod["volumes"]


def test_compose_asks_everything_that_runs_whether_it_is_healthy() -> None:
    services = read_yaml("docker-compose.yml")["services"]

    assert [n for n, s in services.items() if n != "prepare" and "healthcheck" not in s] == []


def test_ports_are_the_same_wherever_they_are_written() -> None:
    services = read_yaml("docker-compose.yml")["services"]
    scraped = read_yaml("deploy/prometheus/prometheus.yml")["scrape_configs"][0]
    targets = scraped["static_configs"][0]["targets"]

    assert targets == [f"{room}:{port}" for room, port in PORTS.items()]
    for room, port in PORTS.items():
        assert services[room]["ports"] == [f"${{LEADLOOP_BIND:-127.0.0.1}}:{port}:{port}"]
        assert services[room]["healthcheck"]["test"][-1] == str(port)
        assert default_port(room) == port


def default_port(room: str) -> int:
    port: int = import_module(f"services.{room}.settings").Settings.model_fields["port"].default
    return port


def documents(room: str) -> dict[str, Any]:
    text = (ROOT / f"deploy/kubernetes/{room}.yaml").read_text()
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def container(deployment: dict[str, Any]) -> Any:
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    return only


@pytest.mark.parametrize("room", PORTS)
def test_a_pod_says_when_it_lives_and_when_it_is_ready(room: str) -> None:
    running = container(documents(room)["Deployment"])

    assert running["ports"] == [{"name": "http", "containerPort": PORTS[room]}]
    assert running["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert running["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert running["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


@pytest.mark.parametrize("room", PORTS)
def test_a_pod_may_do_nothing_that_it_need_not(room: str) -> None:
    deployment = documents(room)["Deployment"]
    pod = deployment["spec"]["template"]["spec"]

    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert container(deployment)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container(deployment)["resources"]["limits"]["memory"]


@pytest.mark.parametrize("room", PORTS)
def test_selectors_of_a_service_and_a_budget_find_the_pods(room: str) -> None:
    found = documents(room)
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]

    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["Service"]["spec"]["ports"][0]["port"] == PORTS[room]
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert found["PodDisruptionBudget"]["spec"]["minAvailable"] == 1


@pytest.mark.parametrize("room", ["handoff", "feedback"])
def test_rooms_differ_in_name_port_and_sources_only(room: str) -> None:
    def anonymous(name: str) -> str:
        text = (ROOT / f"deploy/kubernetes/{name}.yaml").read_text()
        _, _, body = text.partition("\n")
        for sources in (MOUNT, VOLUME):
            body = body.replace(sources, "")
        return body.replace(name, "room").replace(str(PORTS[name]), "port")

    assert anonymous(room) == anonymous("scoring")


def test_every_file_of_the_kubernetes_folder_is_applied() -> None:
    folder = ROOT / "deploy/kubernetes"
    applied = read_yaml("deploy/kubernetes/kustomization.yaml")["resources"]

    written = {path.name for path in folder.glob("*.yaml")}
    assert written - {"kustomization.yaml", "sources.yaml"} == set(applied)


def test_the_pods_settings_and_sources_can_be_read() -> None:
    folder = ROOT / "deploy/kubernetes"
    made = {
        one["name"]: one
        for one in read_yaml("deploy/kubernetes/kustomization.yaml")["configMapGenerator"]
    }
    lines = (folder / "settings.env").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    assert made["leadloop"]["envs"] == ["settings.env"]
    assert made["leadloop-sources"]["files"] == ["sources.yaml"]
    assert list(misspelt_variables(given)) == []
    assert parse_sources(
        read_yaml("deploy/kubernetes/sources.yaml"), {"WEBSITE_WEBHOOK_SECRET": "shared"}
    )


@pytest.mark.parametrize("room", PORTS)
def test_a_pod_gets_the_secrets_of_its_own_room_only(room: str) -> None:
    running = container(documents(room)["Deployment"])
    secrets = [one["secretRef"]["name"] for one in running["envFrom"] if "secretRef" in one]
    prepares = container(
        {"spec": {"template": read_yaml("deploy/kubernetes/prepare.yaml")["spec"]["template"]}}
    )

    assert secrets[:2] == ["leadloop", f"leadloop-{room}"]
    assert not any(f"leadloop-{other}" in secrets for other in PORTS if other != room)
    own = {"secretRef": {"name": f"leadloop-{room}", "optional": True}}
    assert own in running["envFrom"]
    assert own in prepares["envFrom"]


def test_every_locked_package_has_hashes_and_the_lock_names_no_registry() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    packages = re.split(r"\n(?=[a-z0-9])", lock)

    assert all("--hash=sha256:" in package for package in packages[1:])
    assert "://" not in lock
    assert "index-url" not in lock


def test_the_image_runs_as_nobody_and_installs_what_the_lock_holds() -> None:
    text = (ROOT / "deploy/Dockerfile").read_text()
    lines = text.splitlines()

    assert "USER 10001" in lines
    assert text.count("--require-hashes") == 2
    assert text.count("--require-build-hashes") == 1


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    declared = " ".join(re.findall(r"^\.PHONY: (.+)$", text, flags=re.MULTILINE)).split()
    helped = re.findall(r"^([a-z0-9-]+):.*## ", text, flags=re.MULTILINE)

    assert sorted(declared) == sorted(helped)


def test_the_runbook_deletes_the_topics_that_there_are() -> None:
    (pattern,) = re.findall(
        r"--delete --topic '(.+)'", (ROOT / "docs/operations.md").read_text()
    )

    assert all(re.fullmatch(pattern, name) for name in topics())
    assert pattern.count("|") == len(topics()) - 1
