"""Plain data to objects as Go's encoding/json does it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.codec import decode, decode_object, fold, unknown_fields
from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle, BundleSpec, Cluster, GitRepo, GitTarget
from extension.objects.options import BundleDeploymentOptions, HelmOptions


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"RELEASENAME": "a"}, {"releaseName": "a"}),
        ({"releasename": "a", "unknown": 1}, {"releaseName": "a"}),
        ({"values": {"Key": None, "list": [None]}}, {"values": {"Key": None, "list": [None]}}),
        ({"values": None, "force": None}, {}),
        ({"valuesFrom": [None, {"SecretKeyRef": {"Name": "s"}}]}, {"valuesFrom": [{}, {"secretKeyRef": {"name": "s"}}]}),
        ({"templateValues": {"a": None}}, {"templateValues": {"a": ""}}),
        ({"valuesFiles": ["a"]}, {"valuesFiles": ["a"]}),
        ([1], [1]),
        (5, 5),
    ],
)
def test_keys_are_folded_to_their_fields(data: Any, expected: Any) -> None:
    assert fold(HelmOptions, data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"spec": {"helm": {"values": {"any": {"thing": 1}}}}}, []),
        ({"spek": {}}, [("spek", "spec")]),
        ({"spec": {"helm": {"chrt": 1}, "xyz": 1}}, [("spec.helm.chrt", "chart"), ("spec.xyz", "")]),
        ({"spec": {"targets": [{}, {"clusterSelector": {"matchlabels": {}, "x": 1}}]}}, [("spec.targets[1].clusterSelector.x", "")]),
        (
            {"spec": {"rolloutStrategy": {"partitions": [{"maxUnavailble": 1}]}}},
            [("spec.rolloutStrategy.partitions[0].maxUnavailble", "maxUnavailable")],
        ),
        ({"metadata": {"labels": {"anything": "x"}}}, []),
        ({"spec": None}, []),
        ({"spec": [1]}, []),
        ("text", []),
    ],
)
def test_unknown_fields_are_found_wherever_they_are(data: Any, expected: list[tuple[str, str]]) -> None:
    assert list(unknown_fields(Bundle, data)) == expected


@given(st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.lists(st.text()) | st.dictionaries(st.text(), st.text())))
def test_fields_nobody_knows_are_exactly_those_that_change_nothing(extra: dict[str, Any]) -> None:
    known = {"namespace": "n"}
    unknown = {place for place, _ in unknown_fields(BundleDeploymentOptions, {**extra, **known})}
    kept = {key: value for key, value in {**extra, **known}.items() if key not in unknown}
    assert fold(BundleDeploymentOptions, {**extra, **known}) == fold(BundleDeploymentOptions, kept)
    assert "namespace" not in unknown


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        ({"spec": {"targets": [{"clusterName": 1}]}}, "spec.targets[0].clusterName", "expected str, got int"),
        ({"spec": {"paused": "no"}}, "spec.paused", "expected bool, got str"),
        ({"spec": []}, "spec", "expected object, got array"),
        ({"metadata": {"labels": {"a": 1}}}, "metadata.labels[...]", "expected str, got int"),
    ],
)
def test_a_wrong_type_is_refused_with_its_field(data: Any, field: str, words: str) -> None:
    with pytest.raises(Invalid, match=r"^here: ") as caught:
        decode(GitRepo, data, "here")
    assert caught.value.field == field
    assert words in str(caught.value)


def test_a_field_can_be_told_with_what_it_lies_in() -> None:
    with pytest.raises(Invalid) as caught:
        decode(GitTarget, {"name": 1}, field="spec.targets[3]")
    assert caught.value.field == "spec.targets[3].name"


@pytest.mark.parametrize("data", [{"kind": "Bundle"}, {"kind": "Cluster", "apiVersion": "v1"}, [], None, "text"])
def test_an_object_of_another_kind_is_refused(data: Any) -> None:
    with pytest.raises(Invalid):
        decode_object(Cluster, data)


def test_an_object_may_leave_out_what_it_is() -> None:
    assert decode_object(Cluster, {"metadata": {"name": "a"}}).metadata.name == "a"


def test_an_absent_field_and_a_null_one_are_the_same() -> None:
    assert decode(BundleSpec, {"helm": None, "targets": None, "paused": None}) == BundleSpec()
