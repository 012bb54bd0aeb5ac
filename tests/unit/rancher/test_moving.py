"""What a move of a cluster of Rancher's writes, what it refuses, and how far it is said to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from extension.objects.base import Key
from extension.objects.errors import AlreadyExists, Conflict, Invalid, UserError
from extension.rancher.moving import BACK_POPULATION, EXTERNALLY, FORCED, HARVESTER, Facts, Seen, progress, relocation, secret_names

CLUSTER = Key("Cluster", "fleet-default", "web")
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def managed(name: str = "c-abcde", **more: Any) -> dict[str, Any]:
    meta = {"name": name, "labels": {"env": "dev"}, **more.pop("metadata", {})}
    return {"metadata": meta, "spec": {"fleetWorkspaceName": "fleet-default", **more.pop("spec", {})}, "status": READY, **more}


def provisioned(**annotations: str) -> dict[str, Any]:
    return {"metadata": {"name": "web", "namespace": "fleet-default", "annotations": annotations}, "spec": {"rkeConfig": {}}}


def facts(**more: Any) -> Facts:
    return msgspec.structs.replace(Facts(CLUSTER, "team", target_exists=True, management=managed()), **more)


V2 = {"management": managed("c-m-abcd1234"), "provisioning": provisioned(), "features": frozenset({BACK_POPULATION})}
MOVE = [
    {"op": "test", "path": "/spec/fleetWorkspaceName", "value": "fleet-default"},
    {"op": "add", "path": "/spec/fleetWorkspaceName", "value": "team"},
]


@pytest.mark.parametrize(
    ("more", "labels", "patch"),
    [
        pytest.param({}, {}, MOVE, id="a legacy cluster"),
        pytest.param(V2, {}, MOVE, id="a provisioned one"),
        pytest.param(
            {"management": managed(spec={"fleetWorkspaceName": ""})}, {}, MOVE[1:], id="one in the default workspace that never named it"
        ),
        pytest.param({"target": "fleet-default"}, {}, [], id="one that is there already"),
        pytest.param(
            {"management": managed(spec={"fleetWorkspaceName": "team"})}, {}, [], id="one that is on its way there already"
        ),
        pytest.param(
            {}, {"env": "dev", "a.b/c~d": "1"}, [*MOVE, {"op": "add", "path": "/metadata/labels/a.b~1c~0d", "value": "1"}],
            id="labels that are new, escaped",
        ),
        pytest.param(
            {"management": managed(metadata={"labels": None})}, {"a": "1"},
            [*MOVE, {"op": "add", "path": "/metadata/labels", "value": {"a": "1"}}],
            id="the first labels",
        ),
        pytest.param(
            {**V2, "provisioning": provisioned(**{FORCED: "team"})}, {}, MOVE, id="one whose annotation wants it there"
        ),
        pytest.param(
            {"management": managed(provider="", status={"provider": "harvester", **READY}), "features": frozenset({HARVESTER})}, {}, MOVE,
            id="Harvester with its feature",
        ),
    ],
)  # fmt: skip
def test_a_move_patches_the_management_cluster_only_and_only_while_it_is_where_it_was(
    more: dict[str, Any], labels: Mapping[str, str], patch: list[dict[str, Any]]
) -> None:
    assert list(relocation(facts(**more), labels).patch) == patch


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"target": "fleet-local"}, Invalid, "never entered"),
        ({"cluster": Key("Cluster", "fleet-local", "local"), "management": managed("local")}, Invalid, "never left"),
        ({"management": managed(spec={"internal": True})}, Invalid, "local cluster only"),
        ({"target": ""}, Invalid, "always has a workspace"),
        ({"target_exists": False}, Invalid, "workspace team does not exist"),
        ({"management": None}, Invalid, "not registered through Rancher"),
        (
            {"management": managed(metadata={"annotations": {EXTERNALLY: "true"}}, spec={"fleetWorkspaceName": ""})},
            Invalid,
            "managed from elsewhere",
        ),
        ({"management": managed(status={"provider": "harvester"})}, Invalid, "Harvester"),
        ({**V2, "features": frozenset()}, Invalid, "move a cluster that it provisioned back"),
        ({**V2, "provisioning": provisioned(**{FORCED: "fleet-default"})}, Invalid, FORCED),
        ({"management": managed(spec={"fleetWorkspaceName": "other"})}, Conflict, "on its way to workspace other"),
        ({"taken": "c-other"}, AlreadyExists, "workspace team has another cluster web"),
    ],
)  # fmt: skip
def test_a_move_that_cannot_be_is_refused_with_the_cluster_and_the_reason(more: dict[str, Any], error: type[UserError], words: str) -> None:
    with pytest.raises(error, match=words) as refused:
        relocation(facts(**more), {})
    assert "fleet-" in refused.value.where


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"management": managed(status={})}, "not Ready"),
        ({"missing": (Key("Secret", "fleet-default", "pull"),)}, "copied to team: pull"),
        ({"unseen": ("pull",)}, "may not see whether team has the registry secrets pull"),
        ({}, "makes the provisioning cluster anew"),
    ],
)
def test_who_moves_is_told_what_else_will_be(more: dict[str, Any], words: str) -> None:
    assert any(words in one for one in relocation(facts(**more), {}).warnings)


def test_secrets_are_copied_with_a_move_and_not_for_a_cluster_that_stays() -> None:
    missing = (Key("Secret", "fleet-default", "pull"),)
    assert relocation(facts(missing=missing), {}).secrets == missing
    assert relocation(facts(missing=missing, target="fleet-default"), {}).secrets == ()


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (Seen(None, arrived=False, placed=False, stays=False), "gone"),
        (Seen("other", arrived=True, placed=True, stays=False), "reverted"),
        (Seen("team", arrived=False, placed=False, stays=True), "waiting"),
        (Seen("team", arrived=True, placed=False, stays=True), "arriving"),
        (Seen("team", arrived=True, placed=True, stays=True), "leaving"),
        (Seen("team", arrived=True, placed=True, stays=False), "done"),
    ],
)
def test_how_far_a_move_is_is_what_the_objects_show(seen: Seen, state: str) -> None:
    told, message = progress(seen, "team")
    assert told == state
    assert bool(message) == (state != "done")


def test_registry_secrets_are_those_of_both_kinds_of_clusters_each_once() -> None:
    management = {"spec": {"importedConfig": {"privateRegistryPullSecrets": [{"name": "pull"}, {"name": "both"}]}}}
    configs = {"registry.example": {"authConfigSecretName": "both"}, "other.example": {"authConfigSecretName": "auth"}, "open.example": {}}
    provisioning = {"spec": {"rkeConfig": {"registries": {"configs": configs}}}}
    assert secret_names(management, provisioning) == ("pull", "both", "auth")
    assert secret_names({}, None) == ()
