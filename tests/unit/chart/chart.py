"""The chart of the service, rendered with the Helm that the service has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extension.objects import yaml
from extension.rendering import documents
from extension.rendering.helm import ChartRequest, NativeHelm

ROOT = Path(__file__).parents[3]
CHART = ROOT / "helm" / "continuous-delivery"
AGENT = ROOT / "helm" / "continuous-delivery-agent"
RELEASE, NAMESPACE = "continuous-delivery", "cattle-continuous-delivery-system"
SERVICE_MONITOR, RESOURCE_SET = "monitoring.coreos.com/v1/ServiceMonitor", "resources.cattle.io/v1/ResourceSet"
UI_PLUGIN = "catalog.cattle.io/v1/UIPlugin"
EVERYTHING = (SERVICE_MONITOR, RESOURCE_SET, UI_PLUGIN)
RANCHER = {"enabled": True, "url": "https://rancher.example.org"}
"""Values of `rancher` with which its users call."""

Object = dict[str, Any]


def loaded(name: str, chart: Path = CHART) -> Any:
    """One of a chart's YAML files."""
    return yaml.load((chart / name).read_bytes(), name)


def files(chart: Path = CHART) -> dict[str, bytes]:
    return {path.relative_to(chart).as_posix(): path.read_bytes() for path in chart.rglob("*") if path.is_file()}


def texts(
    values: dict[str, Any] | None = None, *, release: str = RELEASE, served: tuple[str, ...] = EVERYTHING, kubernetes: str = "v1.36.3",
    chart: Path = CHART,
) -> dict[str, str]:  # fmt: skip
    """What each template gives. Raises Invalid."""
    request = ChartRequest(files(chart), release, NAMESPACE, values or {}, kube_version=kubernetes, api_versions=served)
    return NativeHelm().render(request).templates


def rendered(values: dict[str, Any] | None = None, **more: Any) -> dict[tuple[str, str], Object]:
    """The objects, by kind and name."""
    found = [
        one
        for path, text in sorted(texts(values, **more).items())
        if not path.endswith("NOTES.txt")
        for one in documents.objects(text, path)
    ]
    by_name = {(one["kind"], one["metadata"]["name"]): one for one in found}
    assert len(by_name) == len(found), "two objects of one name"
    return by_name


def rules(objects: dict[tuple[str, str], Object], kind: str, name: str) -> list[Object]:
    """What a role gives."""
    found: list[Object] = objects[kind, name]["rules"]
    return found


def only(objects: dict[tuple[str, str], Object], kind: str) -> Object:
    (found,) = (one for (its, _), one in objects.items() if its == kind)
    return found


def pod(values: dict[str, Any] | None = None) -> Object:
    """The pod's specification."""
    found: Object = only(rendered(values), "Deployment")["spec"]["template"]["spec"]
    return found


def container(values: dict[str, Any] | None = None) -> Object:
    (found,) = pod(values)["containers"]
    return dict(found)


def environment(values: dict[str, Any] | None = None) -> dict[str, Any]:
    """The container's variables: texts, and where others come from."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container(values)["env"]}


def leaves(values: Any, path: str = "") -> dict[str, Any]:
    """Every value by its path; lists, empty maps and what is free to fill are one value."""
    if not isinstance(values, dict) or not values or path in ("settings", "resources", "metrics.dashboard.labels"):
        return {path: values}
    return {at: leaf for name, below in values.items() for at, leaf in leaves(below, f"{path}.{name}" if path else name).items()}
