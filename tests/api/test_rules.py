"""The fields' rules of the nouns that have only a few."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Session

BUNDLES = "fleet.cattle.io.bundles"
GROUPS = "fleet.cattle.io.clustergroups"
TOKENS = "fleet.cattle.io.clusterregistrationtokens"
MAPPINGS = "fleet.cattle.io.bundlenamespacemappings"
NEAR = {"matchExpressions": [{"key": "env", "operator": "Near"}]}
EMPTY_IN = {"matchExpressions": [{"key": "env", "operator": "In"}]}


@pytest.mark.parametrize(
    ("plural", "body", "field"),
    [
        pytest.param(GROUPS, {"spec": {"selector": NEAR}}, "spec.selector.matchExpressions.operator", id="an operator nobody knows"),
        pytest.param(GROUPS, {"spec": {"selector": EMPTY_IN}}, "spec.selector.matchExpressions.values", id="In without values"),
        pytest.param(
            GROUPS,
            {"spec": {"selector": {"matchLabels": {"env": "a b"}}}},
            "spec.selector.matchLabels.env",
            id="a value that is no label's",
        ),
        pytest.param(TOKENS, {"spec": {"ttl": "1 week"}}, "spec.ttl", id="a week"),
        pytest.param(MAPPINGS, {"bundleSelector": NEAR}, "bundleSelector.matchExpressions.operator", id="a mapping's selector"),
        pytest.param(BUNDLES, {"spec": {"helm": {"releaseName": "Web"}}}, "spec.helm.releaseName", id="a release with a capital"),
        pytest.param(
            BUNDLES, {"spec": {"helm": {"releaseName": "w" * 54}}}, "spec.helm.releaseName", id="a release longer than Helm takes"
        ),
        pytest.param(
            BUNDLES, {"spec": {"targets": [{}, {"helm": {"releaseName": "a_b"}}]}}, "spec.targets[1].helm.releaseName", id="of a target"
        ),
        pytest.param(BUNDLES, {"spec": {"targetCustomizationMode": "Some"}}, "spec.targetCustomizationMode", id="a mode nobody knows"),
        pytest.param(
            BUNDLES,
            {"spec": {"rolloutStrategy": {"partitions": [{"clusterSelector": NEAR}]}}},
            "spec.rolloutStrategy.partitions[0].clusterSelector.matchExpressions.operator",
            id="a partition's selector",
        ),
        pytest.param(
            BUNDLES,
            {"spec": {"dependsOn": [{"selector": NEAR}]}},
            "spec.dependsOn[0].selector.matchExpressions.operator",
            id="a dependency",
        ),
        pytest.param(
            BUNDLES, {"spec": {"rolloutStrategy": {"maxUnavailable": True}}}, "spec.rolloutStrategy.maxUnavailable", id="no number"
        ),
        pytest.param(BUNDLES, {"kind": "GitRepo"}, "kind", id="another kind"),
        pytest.param(BUNDLES, {"apiVersion": "v1"}, "apiVersion", id="another version"),
        pytest.param("configmaps", {"data": {"k": 1}}, "data.k", id="a number in a ConfigMap"),
        pytest.param("configmaps", {"binaryData": {"k": "%"}}, "binaryData.k", id="binary data that is no base64"),
    ],
)
def test_a_bad_field_is_refused_by_name(admin: Session, plural: str, body: dict[str, Any], field: str) -> None:
    response = admin.post(f"/v1/{plural}", json={"metadata": {"name": "x", "namespace": "team-a"}, **body})
    assert (response.status_code, response.json["fieldName"]) == (422, field)


@pytest.mark.parametrize(
    ("plural", "body"),
    [
        pytest.param(GROUPS, {"spec": {"selector": {}}}, id="a group of all"),
        pytest.param(TOKENS, {"spec": {"ttl": "720h"}}, id="a registration token"),
        pytest.param(BUNDLES, {"spec": {"helm": {"releaseName": "web.v1", "values": {"a": None, "b": [1, None]}}}}, id="nulls in values"),
        pytest.param(BUNDLES, {"spec": {"rolloutStrategy": {"maxUnavailable": "10%"}, "helm": None}}, id="null is absent"),
        pytest.param("configmaps", {"data": {"k": "v"}, "binaryData": {"b": "dg=="}}, id="a ConfigMap"),
    ],
)
def test_a_good_object_is_taken(admin: Session, plural: str, body: dict[str, Any]) -> None:
    response = admin.post(f"/v1/{plural}", json={"metadata": {"name": "x", "namespace": "team-a"}, **body})
    assert response.status_code == 201, response.json


def test_a_bundles_files_are_in_the_bundle_and_not_in_lists(admin: Session) -> None:
    files = [{"name": "a.yaml", "content": "a: 1"}]
    admin.post(f"/v1/{BUNDLES}", json={"metadata": {"name": "x", "namespace": "team-a"}, "spec": {"resources": files}})
    assert admin.get(f"/v1/{BUNDLES}/team-a/x").json["spec"]["resources"] == files
    assert "resources" not in admin.get(f"/v1/{BUNDLES}").json["data"][0].get("spec", {})
