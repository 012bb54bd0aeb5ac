"""What a Bundle has that another one had."""

from __future__ import annotations

import pytest

from extension.bundles.overlap import moved, objects
from extension.objects.base import ObjectMeta
from extension.objects.content import pack
from extension.objects.kinds import Bundle, BundleSpec
from extension.objects.options import OverwrittenResource

MAP = "kind: ConfigMap\nmetadata: {name: a, namespace: web}\n"
A, S = OverwrittenResource("a", "web", "ConfigMap"), OverwrittenResource("s", "", "Secret")


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


SECRET = "kind: Secret\nmetadata: {name: s}\n"


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        pytest.param({"one": MAP}, {"two": MAP}, {"two": (A,)}, id="of one that goes"),
        pytest.param({"one": f"{MAP}---\n{SECRET}"}, {"one": SECRET, "two": MAP}, {"two": (A,)}, id="of one that stays"),
        pytest.param({"one": MAP, "two": SECRET}, {"one": SECRET, "two": MAP}, {"one": (S,), "two": (A,)}, id="of each other"),
        pytest.param({"one": MAP, "two": SECRET}, {"one": MAP, "two": SECRET}, {}, id="nothing where nothing moves"),
        pytest.param({"one": MAP}, {"one": SECRET}, {}, id="nothing that only goes or comes"),
        pytest.param({"one": MAP}, {"two": MAP.replace("web", "other")}, {}, id="nothing in another namespace"),
    ],
)
def test_a_bundle_says_which_of_its_objects_another_one_had(before, after, wanted):
    sides = [{name: bundle(a_yaml=text) for name, text in side.items()} for side in (before, after)]
    assert {name: found.spec.overwrites for name, found in moved(*sides).items()} == wanted
