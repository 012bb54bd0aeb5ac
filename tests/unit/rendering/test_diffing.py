"""Two renderings side by side: what is told, in which order, and what every bound leaves out."""

from __future__ import annotations

from typing import Any

from extension.rendering.diffing import Bounds, difference


def obj(name: str, kind: str = "ConfigMap", api: str = "v1", **data: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "web"}, "data": data}


def test_objects_are_added_removed_and_changed() -> None:
    found = difference([obj("a", k=1), obj("b"), obj("c", k=1)], [obj("c", k=2), obj("d"), obj("a", k=1)])
    assert [(one.change, one.name) for one in found.objects] == [("removed", "b"), ("changed", "c"), ("added", "d")]
    assert str(found.objects[1]).splitlines() == [
        "~ v1 ConfigMap web/c",
        "  @@ -1,6 +1,6 @@",
        "   apiVersion: v1",
        "   data:",
        "  -  k: 1",
        "  +  k: 2",
        "   kind: ConfigMap",
        "   metadata:",
        "     name: c",
    ]


def test_another_version_of_a_group_is_a_change_and_another_group_another_object() -> None:
    found = difference([obj("a", "Job", "batch/v1beta1")], [obj("a", "Job", "batch/v1")])
    assert [(one.change, one.api_version) for one in found.objects] == [("changed", "batch/v1")]
    found = difference([obj("a", "Ingress", "extensions/v1")], [obj("a", "Ingress", "networking.k8s.io/v1")])
    assert [one.change for one in found.objects] == ["removed", "added"]


def test_an_object_that_is_there_twice_is_compared_in_turn() -> None:
    found = difference([obj("a", k=1), obj("a", k=2)], [obj("a", k=1), obj("a", k=3)])
    assert [(one.change, one.diff.count("\n")) for one in found.objects] == [("changed", 8)]


def test_every_bound_says_what_it_left_out() -> None:
    bounds = Bounds(objects=2, lines=4, line=20, compared=30)
    many = [obj(f"o{number}", long="x" * 100, **{f"k{n}": n for n in range(5)}) for number in range(5)]
    found = difference([], many, bounds)
    assert (len(found.objects), found.left_out) == (2, 3)
    assert found.objects[0].elided == 8 and found.objects[0].diff.count("\n") == 4
    long = difference([], [obj("a", aa="x" * 100)], Bounds(line=20)).objects[0].diff
    assert "+  aa: xxxxxxxxxxxxx... (87 more characters)\n" in long
    huge = difference([obj("a")], [obj("a", **{f"k{n}": n for n in range(50)})], Bounds(compared=30))
    assert huge.objects[0].diff == "# 6 lines before and 56 after are too many to compare\n"


def test_an_object_without_metadata_is_compared_too() -> None:
    assert [one.change for one in difference([], [{"apiVersion": "v1", "kind": "List", "metadata": None}]).objects] == ["added"]
