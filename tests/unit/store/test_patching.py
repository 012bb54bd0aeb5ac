"""What is sent to the API server for a change: what changed, and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from extension.objects.base import ObjectMeta
from extension.objects.kinds import Bundle, BundleResource, BundleSpec, BundleStatus, GitRepo, GitRepoSpec, GitRepoStatus
from extension.store.kubernetes.patching import body_of, changes, merge_patch


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1, "b": 2}, {"b": 2}, {"a": None}),
        ({}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 3}}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": None}}),
        ({"a": [1, 2]}, {"a": [2]}, {"a": [2]}),
        ({"a": 1}, {"a": True}, {"a": True}),
        ({"a": {"b": 1}}, {"a": "text"}, {"a": "text"}),
    ],
)
def test_a_patch_makes_the_new_of_the_old(old: Any, new: Any, patch: Any) -> None:
    assert merge_patch(old, new) == patch


REPO = GitRepo(
    metadata=ObjectMeta(name="web", namespace="team-a", uid="u", resource_version="7", labels={"a": "1", "b": "2"}, finalizers=("f",)),
    spec=GitRepoSpec(repo="https://git", paths=("a",), branch="main"),
    status=GitRepoStatus(commit="c"),
)


def test_neither_status_nor_identity_is_sent() -> None:
    other = msgspec.structs.replace(
        REPO,
        metadata=msgspec.structs.replace(REPO.metadata, uid="", resource_version="", generation=4, labels={"a": "2"}),
        status=GitRepoStatus(),
    )
    assert changes(REPO, other) == {"metadata": {"labels": {"a": "2", "b": None}}}
    sent = body_of(REPO)
    assert sent["metadata"] == {"name": "web", "namespace": "team-a", "labels": {"a": "1", "b": "2"}, "finalizers": ("f",)}
    assert (sent["apiVersion"], sent["kind"]) == ("fleet.cattle.io/v1alpha1", "GitRepo")
    assert "status" not in sent


@pytest.mark.parametrize(
    ("resources", "sha", "sent"),
    [
        ((), "one", {}),
        ((), "", {"spec": {"resources": None}}),
        ((BundleResource("a", "2"),), "", {"spec": {"resources": ({"name": "a", "content": "2"},)}}),
    ],
    ids=["read without its files", "made without files", "with others"],
)
def test_the_files_of_a_bundle_change_only_where_that_is_meant(resources: Any, sha: str, sent: Any) -> None:
    old = Bundle(spec=BundleSpec(resources=(BundleResource("a", "1"),)), status=BundleStatus(resources_sha256_sum="one"))
    new = Bundle(spec=BundleSpec(resources=resources), status=BundleStatus(resources_sha256_sum=sha))
    assert changes(old, new) == sent
