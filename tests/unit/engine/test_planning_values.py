"""What plans tell of options and values: that they differ and where, and never a secret one."""

from __future__ import annotations

import base64

import msgspec
import pytest

from extension.objects.options import CorrectDrift
from tests.unit.engine.planned import CANARY, FILES, deployed, of, world
from tests.unit.engine.previews import REPO, Previews
from tests.unit.engine.samples import changed, config_map

__all__ = ["deployed", "world"]


def test_options_that_are_no_part_of_the_id_change_too(deployed: Previews) -> None:
    report = deployed.plan(repo=changed(deployed.repo, correct_drift=CorrectDrift(enabled=True)))
    group = of(report, "repo-db").groups[0]
    assert (group.old_deployment_id == group.new_deployment_id, group.options, group.objects) == (True, ("correctDrift",), ())


def test_options_name_the_values_that_differ_and_never_show_them(deployed: Previews) -> None:
    deployed.commit(FILES | {"web/fleet.yaml": FILES["web/fleet.yaml"] + f"    password: {CANARY}\n"})
    report = deployed.plan()
    assert of(report, "repo-web").groups[0].options == ("helm.values.password",)
    assert CANARY not in str(report)


SECRET = f"""
apiVersion: v1
kind: Secret
metadata:
  name: s
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{CANARY}'
stringData:
  k: {CANARY}
"""


ENCODED = base64.b64encode(CANARY.encode()).decode()


@pytest.mark.parametrize("way", ["added", "removed", "changed", "error"])
def test_no_secret_is_in_any_part_of_a_plan(deployed: Previews, way: str) -> None:
    files = FILES | {
        "s/s.yaml": SECRET,
        "s/t.yaml": SECRET.replace("stringData", "data").replace(CANARY, ENCODED).replace("name: s", "name: t"),
    }
    files |= {"s/c.yaml": config_map("c", f"postgres://u:{CANARY}@db")}
    label = "missing" if way == "error" else "env"
    files |= {"s/fleet.yaml": f"helm:\n  values:\n    password: {CANARY}\n    other: ${{ .ClusterLabels.{label} }}\n"}
    deployed.commit(files)
    if way in ("removed", "changed"):
        deployed.git.poll(REPO)
        deployed.roll_out()
        deployed.commit(
            FILES if way == "removed" else files | {"s/s.yaml": SECRET.replace(CANARY, "another-one"), "s/c.yaml": config_map("c")}
        )
    report = deployed.plan()
    found = of(report, "repo-s")
    assert found.errors if way == "error" else {change.kind for change in found.groups[0].objects} >= {"Secret"}
    for text in (str(report), msgspec.json.encode(report).decode()):
        assert CANARY not in text and ENCODED not in text


def test_a_rendering_that_fails_is_told_without_its_values(deployed: Previews) -> None:
    chart = {
        "bad/Chart.yaml": "apiVersion: v2\nname: bad\nversion: 1.0.0\n",
        "bad/fleet.yaml": f"helm: {{values: {{password: {CANARY}}}}}\n",
    }
    chart |= {"bad/templates/a.yaml": '{{ fail (printf "no %s" .Values.password) }}\n', "bad/values.yaml": "a: b\n"}
    deployed.commit(FILES | chart)
    group = of(deployed.plan(), "repo-bad").groups[0]
    assert "no ***" in group.error and CANARY not in group.error and group.objects == ()


def test_a_chart_is_rendered_for_both_sides(deployed: Previews) -> None:
    chart = {
        "c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
        "c/fleet.yaml": "helm: {values: {size: 1}}\n",
        "c/values.yaml": "{}",
    }
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
    chart |= {"c/templates/a.yaml": head + "data: {size: '{{ .Values.size }}', r: '{{ .Release.Revision }}'}\n"}
    deployed.commit(FILES | chart)
    deployed.git.poll(REPO)
    deployed.roll_out()
    deployed.commit(FILES | chart | {"c/fleet.yaml": "helm: {values: {size: 2}}\n"})
    group = of(deployed.plan(), "repo-c").groups[0]
    assert not group.error
    assert [line for line in group.objects[0].diff.splitlines() if line[0] in "+-"] == ['-  size: "1"', '+  size: "2"']
    assert group.options == ("helm.values.size",)


def test_values_that_only_the_cluster_has_are_noted(deployed: Previews) -> None:
    source = "  valuesFrom:\n  - secretKeyRef: {name: s, namespace: x}\n"
    deployed.commit(FILES | {"web/fleet.yaml": FILES["web/fleet.yaml"].replace("  values:", f"{source}  values:")})
    group = of(deployed.plan(), "repo-web").groups[0]
    assert group.notes == ("the values of Secret s are read on the cluster and are in neither side",)
