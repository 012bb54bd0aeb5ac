"""What the chart says of itself is true: its table of values, its questions, its schema, its version, its dashboard."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, get_type_hints

import pytest
from flask import Flask

from api.metrics import REGISTRY, register
from extension import __version__
from extension.engine.bootstrap import bootstrap
from extension.objects.base import ObjectMeta
from extension.objects.kinds import Bundle, GitRepo, HelmOp
from extension.rendering.helm import sdk
from extension.settings import Settings
from extension.store.opening import open_store
from tests.unit.chart.chart import CHART, RANCHER, ROOT, leaves, loaded, texts

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DASHBOARD = json.loads((CHART / "files" / "dashboard.json").read_text())
OWN = {
    *("host", "port", "state_dir", "database_url", "kubeconfig", "service_account_dir", "allow_file_repos"),
    *("additional_ca", "agent_chart", "without_token", "server_url", "server_ca"),
    *("engine", "rancher_url", "rancher_ca", "api_service", "tls_port"),
}
"""Settings that the chart or the image gives, or that have no sense in a pod."""
INSIDE = {"engine": "fleet", "rancher": RANCHER, "apiService": {"enabled": True}}
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def test_the_table_has_every_value_with_its_default() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| `(.*?)` \| (.+) \|$", (CHART / "README.md").read_text(), re.MULTILINE)
    assert {path: json.loads(default) for path, default, _ in rows} == leaves(loaded("values.yaml"))
    assert len(rows) == len({path for path, _, _ in rows}) and all(meaning.endswith(".") for _, _, meaning in rows)


def test_the_schema_has_every_value_and_refuses_all_others() -> None:
    def closed(schema: Any, values: Any, path: str) -> None:
        assert schema["properties"].keys() >= values.keys(), path
        if path.split(".", maxsplit=1)[0] != "global":  # Rancher passes more of it than the chart reads
            assert schema["additionalProperties"] is False and schema["properties"].keys() == values.keys(), path
        for name, value in values.items():
            if isinstance(value, dict) and "properties" in schema["properties"][name] and name != "settings":
                closed(schema["properties"][name], value, f"{path}.{name}".lstrip("."))

    closed(SCHEMA, loaded("values.yaml"), "")


def test_the_schema_has_the_settings_of_the_service_with_their_limits() -> None:
    hints = get_type_hints(Settings)
    wanted: dict[str, Any] = {}
    for field in dataclasses.fields(Settings):
        if field.name not in OWN:
            key = re.sub(r"_(\w)", lambda found: found[1].upper(), field.name)
            wanted[key] = {"description": field.metadata["help"], "type": TYPES[hints[field.name]]}
            if field.metadata["least"] is not None:
                wanted[key]["minimum"] = field.metadata["least"]
            if field.metadata["choices"]:
                wanted[key]["enum"] = list(field.metadata["choices"])
    assert SCHEMA["properties"]["settings"]["properties"] == wanted


def questions(found: list[Any]) -> list[Any]:
    return [*found, *(below for one in found for below in one.get("subquestions", ()))]


@pytest.mark.parametrize("question", questions(loaded("questions.yaml")["questions"]), ids=lambda one: one["variable"])
def test_a_question_asks_for_a_value_that_there_is_and_offers_its_default(question: Any) -> None:
    values, name = leaves(loaded("values.yaml")), question["variable"]
    default = {"settings.logLevel": Settings().log_level}.get(name, values.get(name))
    assert question["default"] == default and question["label"]
    assert question["type"] in ("string", "boolean", "int", "enum", "password", "multiline", "storageclass", "secret")
    if question["type"] == "enum":
        properties = SCHEMA["properties"]
        known = {"engine": properties["engine"], "settings.logLevel": properties["settings"]["properties"]["logLevel"]}
        assert question["options"] == known[name]["enum"]
    for condition in question.get("show_if", "").split("&&") if "show_if" in question else ():
        assert re.match(r"[\w.]+", condition)[0] in values  # type: ignore[index]


def test_the_chart_is_of_the_version_of_the_package_and_the_image_of_the_makefile() -> None:
    chart = loaded("Chart.yaml")
    assert chart["version"] == chart["appVersion"] == __version__
    assert f"IMAGE ?= {loaded('values.yaml')['image']['repository']}\n" in (ROOT / "Makefile").read_text()


def test_the_catalog_is_told_where_the_chart_belongs() -> None:
    chart = loaded("Chart.yaml")
    notes = {key.removeprefix("catalog.cattle.io/"): value for key, value in chart["annotations"].items()}
    assert notes["release-name"] == chart["name"] and notes["namespace"] == "cattle-continuous-delivery-system"
    assert (notes["os"], notes["permits-os"], notes["scope"], notes["type"]) == ("linux", "linux,windows", "management", "cluster-tool")
    assert notes["rancher-version"].endswith("-0") and not {"ui-component", "certified"} & notes.keys(), (
        "an app, which the page of extensions does not show"
    )
    assert notes["kube-version"] == chart["kubeVersion"] and chart["kubeVersion"].endswith("-0")
    requests = loaded("values.yaml")["resources"]["requests"]
    assert (notes["requests-cpu"], notes["requests-memory"]) == (requests["cpu"], requests["memory"])


@pytest.mark.parametrize(
    "values", [{}, {"database": {"secret": "db"}}, {"rancher": RANCHER}, INSIDE], ids=["volume", "PostgreSQL", "Rancher", "fleet"]
)
def test_helm_finds_nothing_to_complain_of_but_that_there_is_no_icon(values: dict[str, Any]) -> None:
    report = sdk().lint(str(CHART), values, strict=True, namespace="ns", kube_version="v1.36.0")
    assert [one["error"] for one in report["messages"]] == ["icon is recommended"] and not report["errors"]


def test_the_dashboard_shows_series_that_the_service_has_with_their_labels(tmp_path: Any) -> None:
    store = open_store(tmp_path / "store.db")
    try:
        bootstrap(store)
        for cls in (GitRepo, HelmOp, Bundle):
            store.create(cls(metadata=ObjectMeta(name="a", namespace="fleet-default")))
        app = Flask("test")
        register(app, store)("GET", "/x", 200, 0.1)
        series: dict[str, set[str]] = {}
        for family in app.extensions[REGISTRY].collect():
            for sample in family.samples:
                series.setdefault(sample.name, set()).update(sample.labels)
    finally:
        store.close()
    asked = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
    assert len(asked) >= len(DASHBOARD["panels"]) > 0
    for title, text in asked:
        (name,) = set(re.findall(r"(?:fleet|rancher_cd)_\w+", text.split(" - ")[0]))
        names = set(re.findall(r"(?:fleet|rancher_cd)_\w+", text))
        assert names <= series.keys(), title
        grouped = {label for group in re.findall(r"by \(([^)]*)\)", text) for label in group.split(", ")}
        assert grouped | set(re.findall(r"(\w+)=~", text)) <= series[name], title


def test_the_dashboard_arrives_whole() -> None:
    text = texts({"metrics": {"dashboard": {"enabled": True}}})["continuous-delivery/templates/monitoring.yaml"]
    assert json.dumps(DASHBOARD["title"]) in text and "$workspace" in text
