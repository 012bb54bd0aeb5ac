import json

import pytest

from extension.objects.errors import Invalid
from extension.rendering.kustomize import Kubectl
from extension.rendering.overlays import lay, merge

KUBECTL = Kubectl()
DEPLOYMENT = b"""apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: a}, {name: side, image: b}]}}}
"""


def _containers(data: bytes) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(data)["spec"]["template"]["spec"]["containers"]
    return found


def test_lists_of_kubernetes_kinds_are_merged_by_name() -> None:
    patch = b"spec: {template: {spec: {containers: [{name: web, image: c}]}}}"
    found = lay({"w.yaml": DEPLOYMENT, "overlays/p/w_patch.yaml": patch}, ("p",), KUBECTL.strategic_merge)
    assert _containers(found["w.yaml"]) == [{"image": "c", "name": "web"}, {"image": "b", "name": "side"}]


def test_lists_of_other_kinds_are_replaced() -> None:
    other = b"apiVersion: x.io/v1\nkind: Other\nspec: {containers: [{name: web}, {name: side}], gone: 1}\n"
    patch = b"spec: {containers: [{name: new}], gone: null}"
    found = lay({"w.yaml": other, "overlays/p/w_patch.yaml": patch}, ("p",), KUBECTL.strategic_merge)
    assert json.loads(found["w.yaml"])["spec"] == {"containers": [{"name": "new"}]}


def test_a_list_is_a_json_patch() -> None:
    patch = b"[{op: replace, path: /spec/template/spec/containers/1/image, value: z}]"
    found = lay({"d/w.yaml": DEPLOYMENT, "overlays/p/d/w_patch.yaml": patch}, ("p",), KUBECTL.strategic_merge)
    assert _containers(found["d/w.yaml"])[1]["image"] == "z"


def test_overlays_are_laid_in_order_and_dropped() -> None:
    files = {"a.yaml": b"0", "overlays/x/a.yaml": b"1", "overlays/y/a.yaml": b"2", "overlays/x/new/b.yaml": b"3", "overlays/z/c.yaml": b"4"}
    assert lay(files, ("y", "x"), KUBECTL.strategic_merge) == {"a.yaml": b"1", "new/b.yaml": b"3"}


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        pytest.param(b"[{op: replace, path: /nope/x, value: 1}]", "can't be applied", id="path-missing"),
        pytest.param(b"[{op: nope, path: /a}]", "can't be applied", id="unknown-operation"),
        pytest.param(b"[1]", "can't be applied", id="no-operation"),
        pytest.param(b"text", "must be objects", id="text"),
        pytest.param(b"a: [", "yaml: line", id="broken"),
    ],
)
def test_a_bad_patch_is_an_error_that_names_it(patch: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        lay({"w.yaml": DEPLOYMENT, "overlays/p/w_patch.yaml": patch}, ("p",), KUBECTL.strategic_merge)
    assert error.value.where == "overlays/p/w_patch.yaml"


def test_a_patch_without_its_file_is_an_error() -> None:
    with pytest.raises(Invalid, match=r"failed to find base file d/w\.yaml to patch"):
        lay({"overlays/p/d/w_patch.yaml": b"a: b"}, ("p",), KUBECTL.strategic_merge)


def test_a_merge_patch_deletes_by_null() -> None:
    assert merge({"a": 1, "b": {"c": 2, "d": 3}}, {"a": None, "b": {"c": [1], "e": {"f": None}}}) == {"b": {"c": [1], "d": 3, "e": {}}}
