"""Finished manifests as a chart that Helm installs and does not evaluate again."""

from __future__ import annotations

import pytest

from extension.delivery.packing import chart
from extension.delivery.protocol import Deployment
from extension.objects import yaml
from extension.objects.options import BundleDeploymentOptions
from extension.rendering.helm import ChartRequest, NativeHelm
from extension.rendering.postrender import Hook
from extension.rendering.render import Rendering


def config_map(name="a", value="one"):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}}


def packed(objects=(), hooks=(), crds=(), notes="", commit="", metadata=None, **options):
    made = metadata or {"apiVersion": "v2", "name": "app", "version": "1.2.3"}
    rendering = Rendering("app", "web", tuple(objects), tuple(hooks), tuple(crds), made, {}, {}, notes)
    return chart(rendering, Deployment("bundle", "ws", "s-1:2", BundleDeploymentOptions(**options), lambda: (), commit))


def annotations(files):
    return yaml.load(files["Chart.yaml"])["annotations"]


def test_the_chart_says_whose_deployment_it_is_in_fleets_words():
    assert annotations(packed()) == {
        "fleet.cattle.io/bundle-id": "bundle",
        "fleet.cattle.io/agent-namespace": "cattle-fleet-system",
        "fleet.cattle.io/keep-resources": "false",
        "continuous-delivery.cattle.io/deployment-id": "s-1:2",
    }


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        ({"keep_resources": True}, "keep-resources", "true"),
        ({"commit": "c0ffee"}, "commit", "c0ffee"),
        ({"service_account": "deployer"}, "service-account", "deployer"),
    ],
)
def test_what_removing_or_tracing_it_needs_is_noted(given, key, value):
    assert annotations(packed(**given))[f"fleet.cattle.io/{key}"] == value


def test_the_charts_own_metadata_stays_but_for_what_is_settled_already():
    own = {
        "apiVersion": "v2",
        "name": "app",
        "version": "1.2.3",
        "annotations": {"mine": "x"},
        "kubeVersion": ">=1.99",
        "dependencies": [{}],
    }
    files = packed(metadata=own)
    found = yaml.load(files["Chart.yaml"])
    assert (found["name"], found["version"], found["annotations"]["mine"]) == ("app", "1.2.3", "x")
    assert not {"kubeVersion", "dependencies"} & found.keys()


def test_objects_hooks_and_crds_keep_their_order_and_hooks_come_last():
    files = packed([config_map("b"), config_map("a")], [Hook(config_map("hook"), ("pre-install",))], [config_map("crd")])
    names = {path: yaml.load(data)["metadata"]["name"] for path, data in files.items() if path != "Chart.yaml"}
    assert names == {"templates/00000.yaml": "b", "templates/00001.yaml": "a", "templates/00002.yaml": "hook", "crds/00000.yaml": "crd"}


@pytest.mark.parametrize("text", ["{{ .Values.x }}", "{{", "}}", '{{ "{{" }}', "{{{{", "{{- /* x */ -}}", "${ {{ }"])
def test_helm_gives_back_every_text_as_it_is(text):
    files = packed([config_map(value=text)], notes=text)
    rendered = NativeHelm().render(ChartRequest(files, "app")).templates
    manifest = next(found for path, found in rendered.items() if path.endswith("00000.yaml"))
    assert yaml.load(manifest.encode()) == config_map(value=text)
    assert next(found for path, found in rendered.items() if path.endswith("NOTES.txt")) == text
