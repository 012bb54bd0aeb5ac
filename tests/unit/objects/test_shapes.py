"""Shapes of messages: two clusters with one problem have one shape, and two problems have two."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from extension.objects.base import Condition
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.shapes import LONGEST, complaint, digest, shape
from extension.objects.status import ModifiedStatus, NonReadyStatus, ResourceSummary

SHAPES = {
    "an image pull": (
        'Back-off pulling image "registry.example.org/web@sha256:8f4b1c2d9e0a": rpc error 403',
        'Back-off pulling image "registry.example.org/web@<digest>": rpc error <n>',
    ),
    "a tag": ('image "nginx:1.25.3" not found', 'image "nginx:<n>" not found'),
    "a pod of a deployment": ("pod default/web-7d9f8b6c5d-x2x4z is waiting", "pod default/web-<pod> is waiting"),
    "a pod of a daemon set": ('pod "agent-kx7zp" failed', 'pod "agent-<pod>" failed'),
    "a port of a service is no pod": ("service web-https has no port", "service web-https has no port"),
    "an address with its port": ("dial tcp 10.43.0.1:6443: i/o timeout", "dial tcp <ip>: i/o timeout"),
    "an address of version six": ("dial tcp [fd00:10::1]:443: refused", "dial tcp <ip>: refused"),
    "a UID": ("uid 0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0 is gone", "uid <uid> is gone"),
    "a time": ("certificate expired at 2026-11-28T20:14:38Z", "certificate expired at <time>"),
    "a clock": ("15:04:05.123 cannot lock", "<time> cannot lock"),
    "numbers": ("0/3 nodes are available: 12 Insufficient cpu", "<n>/<n> nodes are available: <n> Insufficient cpu"),
    "a number in a name": ('node "worker12" is not ready', 'node "worker<n>" is not ready'),
    "a commit": ("commit 3dfa9a1 has no fleet.yaml", "commit <hex> has no fleet.yaml"),
    "the version of an API stays": (
        'no matches for kind "Widget" in version "example.org/v1beta1"',
        'no matches for kind "Widget" in version "example.org/v1beta1"',
    ),
    "names of objects stay": ('configmaps "settings" not found', 'configmaps "settings" not found'),
    "a login": ("clone https://me:hunter2@git.example.org/a: 401", "clone https://<login>@git.example.org/a: <n>"),
    "lines": ("first\n\tsecond\r\n", "first second"),
    "nothing to read": (" \x00\n", ""),
}


@pytest.mark.parametrize(("message", "shaped"), SHAPES.values(), ids=SHAPES)
def test_what_differs_is_masked_and_what_tells_the_problem_stays(message, shaped):
    assert shape(message) == shaped


@pytest.mark.parametrize(
    ("name", "message", "shaped"),
    [
        ("berlin", "node berlin-worker of berlin is down", "node <cluster>-worker of <cluster> is down"),
        ("berlin", "berliner", "berliner"),
        ("ab", "ab of ab", "ab of ab"),
        ("cluster", "the cluster is down", "the <cluster> is down"),
        ("a.b", "a.b and aXb", "<cluster> and aXb"),
    ],
)
def test_the_name_of_the_cluster_is_masked_where_it_is_a_word(name, message, shaped):
    assert shape(message, [name]) == shaped
    assert shape(shaped, [name]) == shaped


TEXTS = st.text() | st.from_regex(r"([a-z<>./:\" -]{0,4}[0-9a-f:.]{0,9}-?[bcdfgx245]{0,11}…?){0,12}", fullmatch=True)


@given(TEXTS)
def test_the_shape_of_a_shape_is_itself(message):
    assert shape(shape(message)) == shape(message)


@given(TEXTS, st.integers(1, 40))
def test_a_shape_has_a_bounded_length(message, times):
    assert len(shape(message * times)) <= LONGEST
    assert shape(shape(message * times)) == shape(message * times)


PARTS = {
    "ip": st.ip_addresses(v=4).map(str),
    "uid": st.uuids().map(str),
    "count": st.integers(0, 10**9).map(str),
    "pod": st.from_regex(r"[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}", fullmatch=True),
    "digest": st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    "at": st.datetimes().map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ")).filter(lambda text: len(text) == 20),
    "name": st.from_regex(r"[a-z]{3,8}(-[0-9]{1,4})?", fullmatch=True).filter(
        lambda name: name not in "pod on of by at image is failing node since"
    ),
}
PROBLEM = "at {at} pod web-{pod} ({uid}) on {name}: node {name} of {ip} failing since {count} by image web@sha256:{digest}"


@given(st.fixed_dictionaries(PARTS), st.fixed_dictionaries(PARTS))
def test_two_clusters_with_the_same_problem_have_the_same_shape(one, other):
    assume(all(each["name"] not in each["pod"] for each in (one, other)))  # a pod that is called as its cluster is masked as that
    assert shape(PROBLEM.format(**one), [one["name"]]) == shape(PROBLEM.format(**other), [other["name"]])


@pytest.mark.parametrize("message", ["-" * 10**7, "1" * 10**7, "a-" * 10**6, ":" * 10**7, "f:" * 10**6, "[" * 10**6], ids=lambda m: m[:2])
def test_a_message_of_megabytes_costs_no_more_than_its_beginning(message):
    assert shape(message) == shape(message[:2000])


def said(**conditions):
    return tuple(Condition(type=name, status="False", message=message) for name, message in conditions.items())


LATE = NonReadyStatus(kind="Deployment", api_version="apps/v1", name="web", summary=ResourceSummary(error=True, message=("no image",)))
EDITED = ModifiedStatus(kind="ConfigMap", api_version="v1", name="web", patch="{}")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (BundleDeploymentStatus(), ""),
        (BundleDeploymentStatus(ready=True, non_modified=True, modified_status=(EDITED,)), ""),
        (BundleDeploymentStatus(conditions=said(Deployed="a", Installed="b", Monitored="c")), "a"),
        (BundleDeploymentStatus(conditions=said(Installed="b", Monitored="c")), "b"),
        (BundleDeploymentStatus(conditions=said(Ready="not this one"), non_ready_status=(LATE,)), "deployment.apps web [error] no image"),
        (BundleDeploymentStatus(ready=True, modified_status=(EDITED,)), "configmap.v1 web modified {}"),
    ],
)
def test_a_complaint_is_what_lists_show_of_a_deployment(status, message):
    assert complaint(status) == message


def test_a_digest_names_a_shape():
    assert digest("a") == digest("a") != digest("b")
    assert len(digest("\ud800")) == 16
