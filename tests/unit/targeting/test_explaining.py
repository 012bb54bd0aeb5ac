"""Explanations: what a person reads when a cluster gets a bundle, or does not."""

from __future__ import annotations

from typing import Any

import pytest

from extension.objects.base import Key
from extension.objects.codec import decode
from extension.objects.kinds import BundleRef
from extension.objects.selectors import LabelSelector, described
from extension.objects.states import State
from extension.targeting import Dependency, MemoryUniverse, explain, restrictions, unmet
from tests.unit.targeting.worlds import bundle, cluster, group

EVERYONE = {"name": "all", "clusterSelector": {}}
DEV = {"name": "dev", "clusterSelector": {"matchLabels": {"env": "dev"}}}


def _told(spec: Any, *, namespace: str = "ws") -> str:
    clusters = [cluster("a", {"env": "prod"}, namespace)]
    return str(explain(bundle(spec), 0, MemoryUniverse(clusters, [group("g", {}, {"tier": "1"})])))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"targets": [EVERYONE]},
            [
                "gets bundle ws/app",
                "workspace ws is searched",
                "it is in cluster groups g",
                "target all selects it: clusterSelector anything",
            ],
        ),
        ({"targets": [DEV]}, ["does not get", "target dev does not match: clusterSelector env=dev does not hold", "no target selects it"]),
        ({"targets": [{"clusterGroup": "h"}]}, ["target 1 does not match: clusterGroup h does not hold"]),
        ({"targets": [{"name": "x"}]}, ["target x does not match: it has no criterion, and that matches nothing"]),
        ({"targets": [{**EVERYONE, "doNotDeploy": True}]}, ["does not get", "target all says doNotDeploy"]),
        ({"targets": [EVERYONE], "targetRestrictions": [DEV]}, ["target all matches, but none of the GitRepo's targets allows it"]),
        ({"targets": [DEV, EVERYONE], "targetRestrictions": [EVERYONE]}, ["gets", "customization dev does not match"]),
        (
            {"targets": [{**EVERYONE, "name": "c", "doNotDeploy": True}, EVERYONE], "targetRestrictions": [EVERYONE]},
            ["does not get", "customization c matches (clusterSelector anything) and says doNotDeploy"],
        ),
        (
            {
                "targets": [{"name": "c", "clusterGroupSelector": {"matchLabels": {"tier": "1"}}}, EVERYONE],
                "targetRestrictions": [EVERYONE],
            },
            ["customization c applies: clusterGroupSelector tier=1"],
        ),
    ],
)
def test_each_step_is_told(spec: Any, expected: list[str]) -> None:
    told = _told(spec)
    assert [part for part in expected if part not in told] == [], told


def test_a_cluster_of_another_workspace_is_told_that_no_mapping_leads_there() -> None:
    assert "workspace far is not searched: the bundle is in ws and no BundleNamespaceMapping there leads to far" in _told(
        {"targets": [EVERYONE]}, namespace="far"
    )


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ({}, "anything"),
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["x", "y"]}]}, "a in (x,y)"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x"]}]}, "a notin (x)"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "DoesNotExist"}]}, "a,!b"),
    ],
)
def test_a_selector_is_told_in_kubectls_words(selector: Any, words: str) -> None:
    assert described(decode(LabelSelector, selector)) == words


def _key(name: str, namespace: str = "ws") -> Key:
    return Key("Bundle", namespace, name)


DEPLOYED = {
    _key("db"): Dependency(State.NotReady, {"tier": "back"}),
    _key("queue"): Dependency(State.Ready, {"tier": "back"}),
    _key("db", "far"): Dependency(State.Ready),
}


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ({"name": "queue"}, ()),
        ({"name": "db"}, ("waiting for bundle ws/db: it is NotReady; accepted is Ready",)),
        ({"name": "db", "acceptedStates": ["NotReady", "Modified"]}, ()),
        (
            {"name": "db", "acceptedStates": ["OutOfSync", "Modified"]},
            ("waiting for bundle ws/db: it is NotReady; accepted is OutOfSync or Modified",),
        ),
        ({"name": "gone"}, ("waiting for bundle ws/gone: not deployed to this cluster; accepted is Ready",)),
        ({"selector": {"matchLabels": {"tier": "back"}}}, ("waiting for bundle ws/db: it is NotReady; accepted is Ready",)),
        (
            {"selector": {"matchLabels": {"tier": "front"}}},
            ("waiting for a bundle with labels tier=front: not deployed to this cluster; accepted is Ready",),
        ),
        (
            {"name": "queue", "selector": {"matchLabels": {"tier": "front"}}},
            ("waiting for bundle ws/queue with labels tier=front: not deployed to this cluster; accepted is Ready",),
        ),
        ({"selector": {"matchLabels": {"fleet.cattle.io/bundle-name": "queue"}}}, ()),
        ({}, ("waiting for a bundle: not deployed to this cluster; accepted is Ready",)),
    ],
)
def test_what_a_bundle_waits_for_is_told(ref: Any, expected: tuple[str, ...]) -> None:
    assert unmet((decode(BundleRef, ref),), "ws", DEPLOYED) == expected


def _limit(name: str, selector: Any, namespace: str = "ws") -> dict[str, Any]:
    return {"kind": "GitRepoRestriction", "metadata": {"name": name, "namespace": namespace}, "allowedTargetNamespaceSelector": selector}


def _policy(require: bool, allow: bool) -> dict[str, Any]:
    return {
        "kind": "Policy",
        "metadata": {"name": "p", "namespace": "ws"},
        "requireServiceAccount": require,
        "allowNamespaceCreation": allow,
    }


def test_selectors_of_restrictions_are_united_for_bundles_of_a_gitrepo_only() -> None:
    labels = {"matchLabels": {"a": "1", "b": "1"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}
    documents = [_limit("two", {"matchLabels": {"a": "2"}, **{"matchExpressions": labels["matchExpressions"]}}), _limit("one", labels)]
    documents += [_limit("none", None), _limit("other", {"matchLabels": {"c": "3"}}, "far")]
    found = restrictions(bundle({}, {"fleet.cattle.io/repo-name": "r"}), documents).allowed_target_namespace_selector
    assert found == decode(LabelSelector, {"matchLabels": {"a": "2", "b": "1"}, "matchExpressions": labels["matchExpressions"]})
    assert restrictions(bundle({}), documents).allowed_target_namespace_selector is None


def test_expressions_are_told_once_but_for_those_of_the_first_selector() -> None:
    x, y = ({"key": key, "operator": "Exists"} for key in "xy")
    documents = [_limit("a", {"matchExpressions": [x, x]}), _limit("b", {"matchExpressions": [y, x, y]})]
    found = restrictions(bundle({}, {"fleet.cattle.io/repo-name": "r"}), documents).allowed_target_namespace_selector
    assert found == decode(LabelSelector, {"matchExpressions": [x, x, y]})


@pytest.mark.parametrize(("require", "allow", "expected"), [(True, False, False), (True, True, None), (False, False, None)])
def test_a_policy_forbids_namespaces_when_it_wants_a_service_account(require: bool, allow: bool, expected: bool | None) -> None:
    assert restrictions(bundle({}), [_policy(require, allow)]).create_namespace is expected
