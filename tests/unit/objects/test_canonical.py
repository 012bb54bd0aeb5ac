"""Canonical JSON is what Go's encoding/json writes: content, deployment and values hashes are made of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extension.objects.codec import canonical, decode
from extension.objects.kinds import BundleSpec
from extension.objects.options import BundleDeploymentOptions
from extension.rendering.helm import ChartRequest, NativeHelm

HELM = NativeHelm()
CHART = {
    "Chart.yaml": b"apiVersion: v2\nname: c\nversion: 1.0.0\n",
    "templates/a": b"{{ range .Values.xs }}{{ toJson . }}\n{{ end }}",
}
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**64), 2**65),
    st.sampled_from([-0.0, 1e21, 1e20, 999999999999999868928.0, 1e-6, 1e-7, 9.9e-7, 2**53, 2**53 + 1, -(2**63), 5e-324, 1e16, 0.1]),
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["<&>", "\u2028\u2029", "\x7f\x85", "\ufeff", '"\\/\b\f\n\r\t', "\x00"]
)
DATA = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(DATA, max_size=8))
@settings(deadline=None)
def test_data_is_written_as_go_writes_it(items: list[Any]) -> None:
    written = HELM.render(ChartRequest(CHART, "rel", values={"xs": items})).templates["c/templates/a"]
    assert [canonical(item).decode() for item in items] == written.split("\n")[: len(items)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12345678901, "12345678901"),
        (9007199254740993, "9007199254740992"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (1.0, "1"),
        ("<a&b>\u2028", '"\\u003ca\\u0026b\\u003e\\u2028"'),
        ({"b": 1, "a": [None, True]}, '{"a":[null,true],"b":1}'),
        ("\xe9\U0001f680", '"\xe9\U0001f680"'),
    ],
)
def test_a_value_has_one_form(value: Any, expected: str) -> None:
    assert canonical(value).decode() == expected


def test_options_stand_in_the_order_of_gos_fields_with_zero_values_left_out() -> None:
    found = decode(
        BundleDeploymentOptions,
        {
            "overwrites": [{"kind": "A", "name": "b", "namespace": "c"}],
            "deleteCRDResources": True,
            "namespaceLabels": {"b": "1", "a": "2"},
            "helm": {"disableDNS": True, "values": {"z": {}, "a": 1.0}, "chart": "c", "valuesFiles": ["f"], "force": False},
            "keepResources": True,
            "yaml": {"overlays": []},
            "serviceAccount": "",
            "defaultNamespace": "d",
            "kustomize": {"dir": "k"},
        },
    )
    assert canonical(found).decode() == (
        '{"yaml":{},"kustomize":{"dir":"k"},"defaultNamespace":"d","helm":{"valuesFiles":["f"],"chart":"c","values":{"a":1,"z":{}},'
        '"disableDNS":true},"keepResources":true,"namespaceLabels":{"a":"2","b":"1"},"deleteCRDResources":true,'
        '"overwrites":[{"name":"b","namespace":"c","kind":"A"}]}'
    )


@given(st.dictionaries(TEXTS, DATA, max_size=3))
def test_what_is_written_does_not_depend_on_the_order_of_keys(values: dict[str, Any]) -> None:
    turned = dict(reversed(values.items()))
    assert canonical(decode(BundleSpec, {"helm": {"values": values}})) == canonical(decode(BundleSpec, {"helm": {"values": turned}}))
