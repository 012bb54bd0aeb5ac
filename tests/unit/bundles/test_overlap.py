"""What a Bundle has that another one had, which goes."""

from __future__ import annotations

import pytest

from extension.bundles.overlap import objects, overwriting
from extension.objects.base import ObjectMeta
from extension.objects.content import pack
from extension.objects.kinds import Bundle, BundleSpec
from extension.objects.options import OverwrittenResource

MAP = "kind: ConfigMap\nmetadata: {name: a, namespace: web}\n"
A = OverwrittenResource("a", "web", "ConfigMap")


def bundle(compress=False, **files):
    resources = tuple(pack(name.replace("_", "."), text.encode(), compress) for name, text in files.items())
    return Bundle(metadata=ObjectMeta(name="b", namespace="ws"), spec=BundleSpec(resources=resources))


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"a_yaml": MAP}, {A}),
        ({"a_json": '{"kind": "ConfigMap", "metadata": {"name": "a", "namespace": "web"}}'}, {A}),
        ({"a_yml": f"{MAP}---\nkind: Secret\nmetadata: {{name: s}}\n"}, {A, OverwrittenResource("s", "", "Secret")}),
        ({"a_txt": MAP}, set()),
        ({"a_yaml": "kind: {{ .Values.kind }}\nmetadata: {name: {{ x }}"}, set()),
        ({"a_yaml": "- 1\n---\nkind: X\n---\nmetadata: {name: a}\n---\nkind: X\nmetadata: 1\n"}, set()),
        ({"a_yaml": "{", "b_yaml": MAP}, {A}),
    ],
)
def test_objects_are_those_of_the_manifests_that_can_be_read(files, wanted, compress):
    assert set(objects(bundle(compress, **files))) == wanted


def test_a_bundle_says_which_of_its_objects_another_one_takes_along():
    both = bundle(a_yaml=f"{MAP}---\nkind: Secret\nmetadata: {{name: s}}\n")
    assert overwriting(both, {A, OverwrittenResource("a", "other", "ConfigMap")}).spec.overwrites == (A,)


def test_a_bundle_that_shares_nothing_is_the_same():
    one = bundle(a_yaml=MAP)
    assert overwriting(one, {OverwrittenResource("a", "", "ConfigMap")}) is one
