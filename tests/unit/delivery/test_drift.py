"""What counts as drift, and what is not compared."""

from __future__ import annotations

import base64
import copy
import json

import pytest

from extension.delivery.drift import LONGEST_PATCH, differs, holds, is_ignored, normalised, text
from extension.objects.options import ComparePatch, Operation
from extension.rendering.masking import COPIES, Masking

HOLDS = [
    ("same", {"a": 1}, {"a": 1}, True),
    ("more in a map", {"a": 1}, {"a": 1, "b": 2}, True),
    ("less in a map", {"a": 1, "b": 2}, {"a": 1}, False),
    ("another value", {"a": 1}, {"a": 2}, False),
    ("a map that is none", {"a": {"b": 1}}, {"a": 1}, False),
    ("numbers of two kinds", {"a": 1}, {"a": 1.0}, True),
    ("a boolean is no number", {"a": True}, {"a": 1}, False),
    ("a number is no text", {"a": 1}, {"a": "1"}, False),
    ("an empty map that is left out", {"a": {}}, {}, True),
    ("an empty list that is left out", {"a": []}, {}, True),
    ("an empty text that is left out", {"a": ""}, {}, False),
    ("null is absent", {"a": None}, {}, True),
    ("null where something is", {"a": None}, {"a": 1}, False),
    ("an empty list where something is", {"a": []}, {"a": [1]}, False),
    ("a list in order", {"a": [1, 2]}, {"a": [1, 2]}, True),
    ("a list in another order", {"a": [1, 2]}, {"a": [2, 1]}, False),
    ("a longer list", {"a": [1]}, {"a": [1, 2]}, False),
    ("named items in another order", [{"name": "x", "v": 1}, {"name": "y"}], [{"name": "y"}, {"name": "x", "v": 1, "w": 2}], True),
    ("named items of other names", [{"name": "x"}], [{"name": "y"}], False),
    ("ports in another order", [{"port": 1}, {"port": 2}], [{"port": 2, "protocol": "TCP"}, {"port": 1}], True),
    ("items without a name in common", [{"a": 1}, {"b": 2}], [{"a": 1, "c": 3}, {"b": 2}], True),
]


@pytest.mark.parametrize(("desired", "live", "wanted"), [row[1:] for row in HOLDS], ids=[row[0] for row in HOLDS])
def test_everything_the_manifest_says_must_be_so_and_nothing_else(desired, live, wanted):
    assert holds(desired, live) is wanted


def deployment(name="web", namespace="shop", api_version="apps/v1", kind="Deployment", **spec):
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 2, "image": "a", **spec},
    }


WITHOUT_REPLICAS = {"image": "a"}


def pointer(*paths, **where):
    return ComparePatch(json_pointers=paths or ("/spec/replicas",), **{"api_version": "apps/v1", "kind": "Deployment", **where})


POINTERS = [
    ("everywhere", pointer(), True),
    ("by name", pointer(name="web"), True),
    ("another name", pointer(name="db"), False),
    ("by namespace", pointer(namespace="shop"), True),
    ("another namespace", pointer(namespace="bank"), False),
    ("another kind", pointer(kind="StatefulSet"), False),
    ("every kind", pointer(kind="*"), True),
    ("no kind", pointer(kind=""), True),
    ("another group", pointer(api_version="batch/v1"), False),
    ("another version of the group", pointer(api_version="apps/v1beta1"), True),
    ("a pattern of groups", pointer(api_version="app*/v1"), True),
    ("every group", pointer(api_version="*"), True),
    ("no group", pointer(api_version=""), True),
    ("the core group", pointer(api_version="v1"), False),
    ("a field that is not there", pointer("/spec/nothing/at/all", "/spec/replicas"), True),
    ("a pointer that is none", pointer("spec.replicas", "/spec/replicas"), True),
    ("below a field that is no map", pointer("/spec/image/tag", "/spec/replicas"), True),
]


@pytest.mark.parametrize(("patch", "hits"), [row[1:] for row in POINTERS], ids=[row[0] for row in POINTERS])
def test_json_pointers_leave_fields_out_where_they_are_meant(patch, hits):
    one = deployment()
    assert (normalised(one, (patch,))["spec"] == WITHOUT_REPLICAS) is hits
    assert one == deployment(), "the object itself is not changed"


def test_a_pointer_for_the_core_group_is_for_the_core_group_only():
    patch = pointer("/spec/image", api_version="v1", kind="Service")
    assert "image" not in normalised(deployment(api_version="v1", kind="Service"), (patch,))["spec"]
    assert "image" in normalised(deployment(api_version="serving.knative.dev/v1", kind="Service"), (patch,))["spec"]


def operation(op, path="/spec/replicas", value="", **where):
    return pointer("/none", **where).__class__(
        operations=(Operation(op, path, value),),
        **{"api_version": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop", **where},
    )


OPERATIONS = [
    ("remove", operation("remove"), WITHOUT_REPLICAS),
    ("replace", operation("replace", value="7"), {"image": "a", "replicas": 7}),
    ("replace by text", operation("replace", "/spec/image", "latest"), {"image": "latest", "replicas": 2}),
    ("add a map", operation("add", "/spec/more", '{"a": [1]}'), {"image": "a", "replicas": 2, "more": {"a": [1]}}),
    ("remove what is not there", operation("remove", "/spec/nothing"), {"image": "a", "replicas": 2}),
    ("no operation", operation("frobnicate"), {"image": "a", "replicas": 2}),
    ("without a name", operation("remove", name=""), {"image": "a", "replicas": 2}),
    ("without a namespace", operation("remove", namespace=""), {"image": "a", "replicas": 2}),
    ("ignore is for missing objects", operation("ignore"), {"image": "a", "replicas": 2}),
    ("the whole document", operation("replace", "", "7"), {"image": "a", "replicas": 2}),
]


@pytest.mark.parametrize(("patch", "spec"), [row[1:] for row in OPERATIONS], ids=[row[0] for row in OPERATIONS])
def test_operations_are_applied_to_exactly_one_object(patch, spec):
    assert normalised(deployment(), (patch, pointer("/none")))["spec"] == spec


def missing(name="web-1", namespace="shop", kind="ConfigMap", api_version="v1"):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


def ignore(**where):
    where = {"api_version": "v1", "kind": "ConfigMap", "namespace": "shop", **where}
    return ComparePatch(operations=(Operation("ignore"),), **where)


IGNORED = [
    ("by name", ignore(name="web-1"), True),
    ("another name", ignore(name="db"), False),
    ("every one of the namespace", ignore(), True),
    ("another namespace", ignore(namespace="bank"), False),
    ("without a namespace", ignore(namespace=""), False),
    ("a pattern", ignore(name="web-[0-9]+"), True),
    ("a pattern found anywhere", ignore(name="eb"), True),
    ("an anchored pattern", ignore(name="^eb"), False),
    ("a pattern that is none", ignore(name="web-["), False),
    ("another kind", ignore(kind="Secret"), False),
    ("another version", ignore(api_version="v2"), False),
    ("another operation", ComparePatch(api_version="v1", kind="ConfigMap", namespace="shop", operations=(Operation("remove"),)), False),
]


@pytest.mark.parametrize(("patch", "wanted"), [row[1:] for row in IGNORED], ids=[row[0] for row in IGNORED])
def test_a_missing_object_is_overlooked_where_an_operation_says_so(patch, wanted):
    assert is_ignored(missing(), (pointer(), patch)) is wanted


def test_a_name_that_is_no_pattern_is_still_a_name():
    assert is_ignored(missing("web-["), (ignore(name="web-["),))


def test_what_a_cluster_adds_on_its_own_is_not_compared():
    live = deployment()
    live["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 2, "managedFields": [], "creationTimestamp": "now"}
    live["status"] = {"replicas": 1}
    assert normalised(live, ()) == deployment()


def compared(desired, live, patches=(), applied=None):
    """The patch, and whether the cluster was asked."""
    asked = []

    def apply():
        asked.append(1)
        return live, copy.deepcopy(applied if applied is not None else live)

    found = differs(desired, live, patches, apply)
    return found.patch if found else {}, bool(asked)


def test_an_object_as_deployed_is_no_drift_and_the_cluster_is_not_asked():
    assert compared(deployment(), deployment(defaulted="x")) == ({}, False)


def test_a_difference_that_applying_would_not_change_is_none():
    assert compared(deployment(cpu="1000m"), deployment(cpu="1")) == ({}, True)


def test_named_items_in_another_order_are_no_drift_where_the_cluster_is_asked_for_something_else():
    env = [{"name": "a"}, {"name": "b"}]
    live = deployment(env=env[::-1], cpu="1")
    assert compared(deployment(env=env, cpu="1000m"), live, applied=deployment(env=env, cpu="1")) == ({}, True)
    live["spec"]["env"] = [{"name": "a"}]
    assert compared(deployment(env=env), live, applied=deployment(env=env, cpu="1"))[0] == {"spec": {"env": env}}


def test_drift_is_the_patch_that_would_bring_the_object_back():
    assert compared(deployment(), deployment(replicas=5), applied=deployment()) == ({"spec": {"replicas": 2}}, True)


def test_a_field_that_was_removed_by_hand_is_drift():
    live = deployment()
    del live["spec"]["image"]
    assert compared(deployment(), live, applied=deployment()) == ({"spec": {"image": "a"}}, True)


def test_a_field_that_is_not_compared_is_in_no_patch():
    live = deployment(replicas=5, image="b")
    assert compared(deployment(), live, (pointer(),), deployment()) == ({"spec": {"image": "a"}}, True)
    assert compared(deployment(), deployment(replicas=5), (pointer(),), deployment()) == ({}, False)


def test_a_field_that_is_taken_out_of_a_difference_leaves_the_rest_or_nothing():
    live = deployment(replicas=5, image="b")
    found = differs(deployment(), live, (), lambda: (live, deployment()))
    assert found.without("/spec/replicas").patch == {"spec": {"image": "a"}}
    assert found.without("/spec/replicas").without("/spec/image") is None


SECRET = {"kind": "Secret", "data": {"password": base64.b64encode(b"canary-7f3a").decode()}}


def test_a_patch_for_people_hides_what_is_in_secrets():
    patch = {"data": {"password": "canary"}, "stringData": {"token": "canary"}, "metadata": {"labels": {"a": "b"}}}
    hidden = {"data": {"password": "***"}, "stringData": {"token": "***"}, "metadata": {"labels": {"a": "b"}}}
    assert json.loads(text(patch, "Secret", Masking())) == hidden
    assert json.loads(text(patch, "ConfigMap", Masking())) == patch


def test_a_patch_for_people_hides_secrets_wherever_they_stand():
    patch = {"data": {"url": "https://canary-7f3a@db"}, "metadata": {"annotations": {next(iter(COPIES)): "canary"}}}
    shown = text(patch, "ConfigMap", Masking([SECRET]))
    assert "canary" not in shown and json.loads(shown)["data"] == {"url": "https://***@db"}


def test_a_patch_that_is_too_long_is_not_told():
    patch = {"data": {"file": "x" * LONGEST_PATCH}}
    assert text(patch, "ConfigMap", Masking()) == ""
