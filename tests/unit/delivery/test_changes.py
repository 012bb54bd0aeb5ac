"""Which fields of an object differ, and who changed them."""

from __future__ import annotations

import json

import jsonpointer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extension.delivery.changes import LONGEST, MOST, changes
from extension.rendering.masking import COPIES, MASK, Masking

THEN, NOW = "2026-11-29T11:00:00Z", "2026-11-29T12:00:00Z"
EDIT = "kubectl-edit"


def told(found, wanted, *owners, kind="ConfigMap", masking=Masking()):
    fields = [{"manager": manager, "time": time, "fieldsV1": part} for manager, time, part in owners]
    return changes(found, wanted, kind, {"metadata": {"managedFields": fields}}, masking)


def fields(*args, **more):
    """What differs: (path, wanted, found)."""
    return [(one.path, one.wanted, one.found) for one in told(*args, **more)[0]]


def managers(*args):
    return [one.manager for one in told(*args)[0]]


FIELDS = [
    ("a number", {"spec": {"replicas": 5}}, {"spec": {"replicas": 2}}, [("/spec/replicas", "2", "5")]),
    ("a text", {"data": {"a": "x"}}, {"data": {"a": "y"}}, [("/data/a", '"y"', '"x"')]),
    ("a field that is gone", {"data": {}}, {"data": {"a": "y"}}, [("/data/a", '"y"', "")]),
    ("a field too many", {"data": {"a": "x"}}, {"data": {}}, [("/data/a", "", '"x"')]),
    ("null", {"a": None}, {"a": 1}, [("/a", "1", "null")]),
    ("a map that is gone", {}, {"data": {"a": "1", "b": "2"}}, [("/data/a", '"1"', ""), ("/data/b", '"2"', "")]),
    ("an empty map that is gone", {}, {"data": {}}, [("/data", "{}", "")]),
    ("a map that is none", {"a": 1}, {"a": {"b": 1}}, [("/a", '{"b": 1}', "1")]),
    ("a key with a slash and a tilde", {"a": {"x/y~z": 1}}, {"a": {"x/y~z": 2}}, [("/a/x~1y~0z", "2", "1")]),
    ("a list of texts", {"args": ["a"]}, {"args": ["a", "b"]}, [("/args", '["a", "b"]', '["a"]')]),
    (
        "a field of a named item in another place",
        {"containers": [{"name": "side"}, {"name": "web", "image": "b"}]},
        {"containers": [{"name": "web", "image": "a"}, {"name": "side"}]},
        [("/containers/1/image", '"a"', '"b"')],
    ),
    (
        "a named item too many",
        {"containers": [{"name": "web"}, {"name": "side", "image": "x"}]},
        {"containers": [{"name": "web"}]},
        [("/containers/1", "", '{"image": "x", "name": "side"}')],
    ),
    (
        "a named item that is gone",
        {"containers": [{"name": "web"}]},
        {"containers": [{"name": "web"}, {"name": "side"}]},
        [("/containers/1", '{"name": "side"}', "")],
    ),
    (
        "items whose first key does not tell them apart",
        {"ports": [{"containerPort": 53, "name": "udp"}, {"containerPort": 53, "name": "tcp", "x": 2}]},
        {"ports": [{"containerPort": 53, "name": "udp"}, {"containerPort": 53, "name": "tcp", "x": 1}]},
        [("/ports/1/x", "1", "2")],
    ),
    ("items without a key", {"rules": [{"host": ["a"]}]}, {"rules": [{"host": ["b"]}]}, [("/rules/0/host", '["b"]', '["a"]')]),
    (
        "items without a key and of another number",
        {"rules": [{"x": {}}]},
        {"rules": [{"x": {}}, {"y": {}}]},
        [("/rules", '[{"x": {}}, {"y": {}}]', '[{"x": {}}]')],
    ),
    ("nothing", {"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2}]}}, []),
]


@pytest.mark.parametrize(("found", "wanted", "expected"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS])
def test_what_differs_is_told_field_by_field(found, wanted, expected):
    assert fields(found, wanted) == expected


REPLICAS = {"spec": {"replicas": 5}}, {"spec": {"replicas": 2}}
WEB, SIDE = 'k:{"name":"web"}', 'k:{"name":"side"}'
TWO = {"containers": [{"name": "web", "image": "a"}, {"name": "side", "image": "b"}]}
ONE = {"containers": [{"name": "web", "image": "a"}]}
ITEM = {"f:containers": {SIDE: {".": {}, "f:name": {}, "f:image": {}}}}
DNS = {"ports": [{"port": 53, "protocol": "TCP", "x": 1}, {"port": 53, "protocol": "UDP", "x": 1}]}
DNS_WANTED = {"ports": [{"port": 53, "protocol": "TCP", "x": 1}, {"port": 53, "protocol": "UDP", "x": 2}]}


def spec(manager, time=NOW, field="f:replicas"):
    return (manager, time, {"f:spec": {field: {}}})


OWNERS = [
    ("the one that owns the field", *REPLICAS, [spec("helm", field="f:image"), spec(EDIT)], [EDIT]),
    ("nobody", *REPLICAS, [spec("helm", field="f:image")], [""]),
    ("two", *REPLICAS, [spec("a"), spec(EDIT)], [""]),
    ("whoever wrote before account was kept", *REPLICAS, [spec("before-first-apply")], [""]),
    ("one manager in two ways", *REPLICAS, [spec(EDIT, THEN), spec(EDIT, NOW)], [EDIT]),
    ("the last known owner of a field that is gone", {"spec": {}}, {"spec": {"replicas": 2}}, [spec(EDIT, field="f:image")], [""]),
    ("an item's own", TWO, {"containers": [*ONE["containers"], {"name": "side", "image": "c"}]},
     [("helm", NOW, {"f:containers": {WEB: {".": {}, "f:image": {}}}}), (EDIT, THEN, ITEM)], [EDIT]),
    ("who added an item", TWO, ONE, [("helm", NOW, {"f:containers": {WEB: {".": {}, "f:image": {}}}}), (EDIT, THEN, ITEM)], [EDIT]),
    ("an item that two made", TWO, ONE, [("other", NOW, {"f:containers": {SIDE: {"f:image": {}}}}), (EDIT, THEN, ITEM)], [""]),
    ("an item that is gone", ONE, TWO, [(EDIT, NOW, {"f:containers": {WEB: {"f:image": {}}}})], [""]),
    ("items of two keys", DNS, DNS_WANTED, [
        ("a", NOW, {"f:ports": {'k:{"port":53,"protocol":"TCP"}': {"f:x": {}}}}),
        (EDIT, NOW, {"f:ports": {'k:{"port":53,"protocol":"UDP"}': {"f:x": {}}}})], [EDIT]),
    ("a list that is set as a whole", {"args": ["a"]}, {"args": ["b"]}, [(EDIT, NOW, {"f:args": {}})], [EDIT]),
    ("a field of a list that is set as a whole", {"rules": [{"host": "a"}]}, {"rules": [{"host": "b"}]},
     [(EDIT, NOW, {"f:rules": {}})], [EDIT]),
    ("a field within a map that is set as a whole", {"sel": {"a": 1}}, {"sel": {"a": 2}}, [(EDIT, NOW, {"f:sel": {}})], [EDIT]),
    ("a field whose map somebody else made", {"labels": {"a": 1}}, {"labels": {"a": 2}},
     [("helm", NOW, {"f:labels": {}}), (EDIT, THEN, {"f:labels": {"f:a": {}}})], [EDIT]),
    ("a list whose items have owners", {"finalizers": ["a"]}, {"finalizers": ["a", "b"]},
     [("helm", NOW, {"f:finalizers": {".": {}, 'v:"a"': {}}})], [""]),
    ("an item by its place", {"x": [{"a": 1}]}, {"x": [{"a": 2}]}, [(EDIT, NOW, {"f:x": {"i:0": {"f:a": {}}}})], [EDIT]),
    ("a key that is none", TWO, ONE, [(EDIT, NOW, {"f:containers": {"k:{": {}}})], [""]),
]  # fmt: skip


@pytest.mark.parametrize(("found", "wanted", "owners", "expected"), [row[1:] for row in OWNERS], ids=[row[0] for row in OWNERS])
def test_who_changed_a_field_is_told_only_when_it_is_certain(found, wanted, owners, expected):
    assert managers(found, wanted, *owners) == expected


def test_the_time_is_when_the_manager_wrote_last():
    [one] = told(*REPLICAS, spec(EDIT, NOW), spec(EDIT, THEN))[0]
    assert one.time == NOW


def test_an_object_without_account_of_its_managers_has_no_manager():
    found, more = changes({"a": 1}, {"a": 2}, "ConfigMap", {}, Masking())
    assert ([one.manager for one in found], more) == ([""], 0)


def test_so_many_fields_are_told_and_the_others_counted():
    data = {f"k{number:02}": "x" for number in range(MOST + 7)}
    found, more = told({"data": data}, {"data": dict.fromkeys(data, "y")})
    assert ([one.path for one in found], more) == ([f"/data/k{number:02}" for number in range(MOST)], 7)


def test_long_values_are_told_from_where_they_differ():
    [(_, wanted, found)] = fields({"a": "x" * 500 + "found" + "y" * 500}, {"a": "x" * 500 + "wanted"})
    assert max(len(wanted), len(found)) <= LONGEST
    assert wanted.startswith("…xxx") and "wanted" in wanted and "found" in found and found.endswith("…")


SECRETS = [
    ("its data", {"data": {"p": "canary"}}, {"data": {"p": "canary2"}}, [("/data/p", MASK, MASK)]),
    ("a key that is new", {"stringData": {"p": "canary"}}, {}, [("/stringData/p", "", MASK)]),
    ("all of its data", {}, {"data": {"p": "canary"}}, [("/data/p", MASK, "")]),
    ("a field nobody knows", {"x": ["canary"]}, {"x": []}, [("/x", MASK, MASK)]),
    ("a label", {"metadata": {"labels": {"a": "b"}}}, {"metadata": {"labels": {"a": "c"}}}, [("/metadata/labels/a", '"c"', '"b"')]),
]


@pytest.mark.parametrize(("found", "wanted", "expected"), [row[1:] for row in SECRETS], ids=[row[0] for row in SECRETS])
def test_of_a_secret_no_value_is_told(found, wanted, expected):
    assert fields(found, wanted, kind="Secret") == expected


@pytest.mark.parametrize("name", sorted(COPIES))
def test_a_copy_of_an_object_in_an_annotation_is_not_told(name):
    path = f"/metadata/annotations/{name.replace('/', '~1')}"
    assert fields({"metadata": {"annotations": {name: "canary"}}}, {}) == [(path, "", MASK)]


@pytest.mark.parametrize("word", ["canary-7f3a", 'canary-"7f3a"'], ids=["plain", "with quotes"])
def test_a_word_of_a_secret_is_told_nowhere(word):
    masking = Masking([{"kind": "Secret", "stringData": {"p": word}}])
    [(_, _, found)] = fields({"data": {"url": f"x://{word}@y"}}, {"data": {"url": ""}}, masking=masking)
    assert found == '"x://***@y"'


def test_a_text_that_is_no_unicode_can_be_told():
    [(_, _, found)] = fields({"a": "\ud800"}, {"a": ""})
    found.encode()


KEYS = st.sampled_from(["a", "b", "x/y", "z~0"])
"""None of them tells items of a list apart, so that every difference is told."""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "u", "canary-7f3a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=3)


def at(obj, pointer):
    """What stands at a JSON pointer, as JSON; empty for nothing."""
    try:
        return json.dumps(jsonpointer.resolve_pointer(obj, pointer), ensure_ascii=False, sort_keys=True)
    except jsonpointer.JsonPointerException:
        return ""


@settings(max_examples=300)
@given(OBJECTS, OBJECTS)
def test_changes_are_told_where_a_patch_would_change_something_and_have_the_values_of_both_sides(found, wanted):
    told_changes, more = told(found, wanted)
    assert bool(told_changes) == (found != wanted) and (more == 0 or len(told_changes) == MOST)
    for one in told_changes:
        values = [one.wanted, one.found]
        if max(map(len, values)) < LONGEST:
            assert values == [at(wanted, one.path), at(found, one.path)]


@settings(max_examples=100)
@given(VALUES, VALUES)
def test_whatever_a_secret_holds_is_not_told(found, wanted):
    told_changes, _ = told({"data": found}, {"stringData": wanted}, kind="Secret")
    assert all({one.wanted, one.found} <= {MASK, ""} for one in told_changes)
