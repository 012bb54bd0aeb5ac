"""Lists: selectors, filters and orders mean what a plain loop over the objects would give, page by page."""

from __future__ import annotations

from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extension.objects.base import ObjectMeta
from extension.objects.errors import Invalid
from extension.objects.kinds import Cluster, ClusterSpec, GitRepo
from extension.objects.selectors import LabelSelector, Requirement, matches
from extension.store.protocol import Filter, Query
from tests.unit.store.places import BOTH, made
from tests.unit.store.samples import NS, cluster, listed, names, repo

KEYS, VALUES = ("env", "tier", "example.org/zone"), ("", "a", "b", "c-d")
WORDS = ("main", "Main", "Ärger", "x%_y", "5", "")

labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
clusters = st.builds(
    lambda name, space, own, word, paused, values: Cluster(
        metadata=ObjectMeta(name=f"c-{name}", namespace=space, labels=own),
        spec=ClusterSpec(client_id=word, paused=paused, template_values=values),
    ),
    st.integers(0, 99),
    st.sampled_from(("team-a", "team-b")),
    labels,
    st.sampled_from(WORDS),
    st.booleans(),
    st.dictionaries(st.just("n"), st.one_of(st.integers(-5, 5), st.sampled_from([0.5, -1.25, True, False, "5", "z", None])), max_size=1),
)
fleets = st.lists(clusters, max_size=12, unique_by=lambda c: (c.metadata.namespace, c.metadata.name))
requirements = st.one_of(
    st.builds(
        Requirement, st.sampled_from(KEYS), st.sampled_from(("In", "NotIn")), st.lists(st.sampled_from(VALUES), min_size=1).map(tuple)
    ),
    st.builds(Requirement, st.sampled_from(KEYS), st.sampled_from(("Exists", "DoesNotExist"))),
)
selectors = st.builds(LabelSelector, labels, st.lists(requirements, max_size=2).map(tuple))
FIELDS = {
    "metadata.name": lambda c: c.metadata.name,
    "metadata.namespace": lambda c: c.metadata.namespace,
    "metadata.generation": lambda c: 1,
    "metadata.labels[env]": lambda c: c.metadata.labels.get("env"),
    "metadata.labels[example.org/zone]": lambda c: c.metadata.labels.get("example.org/zone"),
    "id": lambda c: f"{c.metadata.namespace}/{c.metadata.name}",
    "spec.clientID": lambda c: c.spec.client_id or None,
    "spec.paused": lambda c: c.spec.paused or None,
    "spec.templateValues.n": lambda c: c.spec.template_values.get("n"),
}
OPERATORS = ("=", "!=", "~", "!~", "in", "notin", "exists", "!exists")
ASKED = ("c-1", "a", "ä", "ÄR", "MAIN", "main", "true", "false", "1", "5", "-1.25", "", "team-a/c-1")
filters = st.builds(
    Filter, st.sampled_from(tuple(FIELDS)), st.sampled_from(OPERATORS), st.lists(st.sampled_from(ASKED), min_size=1).map(tuple)
)
orders = st.lists(st.tuples(st.sampled_from(("", "-")), st.sampled_from(tuple(FIELDS))).map("".join), max_size=3).map(tuple)
quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def text(value):
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def holds(term, obj):
    value = FIELDS[term.field](obj)
    if term.operator in ("exists", "!exists"):
        return (value is not None) == (term.operator == "exists")
    if term.operator in ("=", "in"):
        return value is not None and text(value) in term.values
    if term.operator in ("!=", "notin"):
        return text(value) not in term.values
    hit = any(lower(word) in lower(text(value)) for word in term.values)
    return hit == (term.operator == "~")


def lower(word):
    """ASCII only: other letters are compared as they are."""
    return "".join(c.lower() if c.isascii() else c for c in word)


def ids(objects):
    return [(o.metadata.namespace, o.metadata.name) for o in objects]


@contextmanager
def opened(request, tmp_path_factory):
    with made(request.param, tmp_path_factory.mktemp("listing"), request) as place:
        store = place.open()
        yield store
        store.close()


@pytest.fixture(scope="module", params=BOTH)
def shared(request, tmp_path_factory):
    """One store for all examples: each example's objects are deleted before the next."""
    with opened(request, tmp_path_factory) as store:
        yield store


VARIED = [
    Cluster(
        metadata=ObjectMeta(name=f"c-{n}", namespace="team-a" if n % 2 else "team-b", labels=own),
        spec=ClusterSpec(client_id=word, paused=n % 3 == 0, template_values={} if number is None else {"n": number}),
    )
    for n, (own, word, number) in enumerate(
        [
            ({"env": "a"}, "main", 5),
            ({"env": "c-d", "example.org/zone": ""}, "Main", "5"),
            ({"env": ""}, "Ärger", True),
            ({"example.org/zone": "a"}, "x%_y", False),
            ({}, "5", -1.25),
            ({"tier": "a"}, "", None),
            ({"env": "b"}, "true", 10),
        ]
    )
]


@pytest.fixture(scope="module", params=BOTH)
def varied(request, tmp_path_factory):
    with opened(request, tmp_path_factory) as store:
        fill(store, VARIED)
        yield store


def fill(store, fleet):
    for old in store.list(Cluster, Query(limit=1000)).items:
        store.delete(Cluster, old.metadata.namespace, old.metadata.name)
    for one in fleet:
        store.create(one)


def pages(store, query, between=lambda page: None):
    """All pages, and what happens between two of them."""
    found = [store.list(Cluster, query)]
    while found[-1].next:
        between(found[-1])
        found.append(store.list(Cluster, msgspec.structs.replace(query, after=found[-1].next)))
    return found


@quick
@given(fleet=fleets, selector=st.none() | selectors, spaces=st.none() | st.sets(st.sampled_from(("team-a", "team-b", "x"))).map(tuple))
def test_a_selector_finds_what_it_matches_in_the_namespaces_asked_for(shared, fleet, selector, spaces):
    fill(shared, fleet)
    expected = [
        c
        for c in fleet
        if (spaces is None or c.metadata.namespace in spaces) and (selector is None or matches(selector, c.metadata.labels))
    ]
    page = shared.list(Cluster, Query(namespaces=spaces, selector=selector))
    assert (ids(page.items), page.count, page.next) == (sorted(ids(expected)), len(expected), "")


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_filter_holds_for_the_text_of_a_field(varied, field, operator):
    for word in ASKED:
        term = Filter(field, operator, (word,))
        expected = sorted(ids(c for c in VARIED if holds(term, c)))
        assert ids(varied.list(Cluster, Query(filters=((term,),))).items) == expected, word


@quick
@given(fleet=fleets, terms=st.lists(st.lists(filters, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2).map(tuple))
def test_filters_hold_all_together_and_the_terms_of_one_are_alternatives(shared, fleet, terms):
    fill(shared, fleet)
    expected = [c for c in fleet if all(any(holds(term, c) for term in alternatives) for alternatives in terms)]
    page = shared.list(Cluster, Query(filters=terms))
    assert (ids(page.items), page.count) == (sorted(ids(expected)), len(expected))


@quick
@given(fleet=fleets, order=orders, limit=st.integers(1, 5))
def test_pages_of_any_order_put_together_are_the_whole_list(shared, fleet, order, limit):
    fill(shared, fleet)
    whole = ids(shared.list(Cluster, Query(sort=order, limit=1000)).items)
    assert sorted(whole) == sorted(ids(fleet))
    found = pages(shared, Query(sort=order, limit=limit))
    assert [name for page in found for name in ids(page.items)] == whole
    assert {page.count for page in found} == {len(fleet)}


@pytest.mark.parametrize("field", ["metadata.name", "metadata.labels[env]", "spec.clientID", "id"])
def test_text_is_sorted_by_its_bytes_what_has_none_first_and_a_minus_turns_it_round(shared, field):
    fleet = [
        Cluster(metadata=ObjectMeta(name=f"c-{n}", namespace=NS, labels={"env": v} if v else {}), spec=ClusterSpec(client_id=v))
        for n, v in enumerate(("b", "", "ä", "B", "a"))
    ]
    fill(shared, fleet)
    expected = sorted(fleet, key=lambda c: (FIELDS[field](c) or "").encode())
    assert ids(shared.list(Cluster, Query(sort=(field,))).items) == ids(expected)
    assert ids(shared.list(Cluster, Query(sort=(f"-{field}",))).items) == ids(expected[::-1])


def test_numbers_are_sorted_as_numbers(shared):
    fill(
        shared, [Cluster(metadata=ObjectMeta(name=f"c-{n}", namespace=NS), spec=ClusterSpec(template_values={"n": n})) for n in (10, 9, 1)]
    )
    assert [name for _, name in ids(shared.list(Cluster, Query(sort=("spec.templateValues.n",))).items)] == ["c-1", "c-9", "c-10"]


@quick
@given(data=st.data(), fleet=fleets, order=orders, limit=st.integers(1, 4))
def test_what_stays_is_on_exactly_one_page_whatever_is_written_between_them(shared, data, fleet, order, limit):
    fill(shared, fleet)
    whole = ids(shared.list(Cluster, Query(sort=order, limit=1000)).items)
    gone = set()

    def between(_page):
        for new in data.draw(st.lists(clusters, max_size=2)):
            named = msgspec.structs.replace(new.metadata, name=f"{new.metadata.name}-new")
            if shared.find(Cluster, named.namespace, named.name) is None:
                shared.create(msgspec.structs.replace(new, metadata=named))
        left = [name for name in whole if name not in gone]
        for old in data.draw(st.lists(st.sampled_from(left), max_size=2, unique=True) if left else st.just([])):
            shared.delete(Cluster, *old)
            gone.add(old)

    shown = [name for page in pages(shared, Query(sort=order, limit=limit), between) for name in ids(page.items)]
    assert len(shown) == len(set(shown))
    stayed = [name for name in whole if name not in gone]
    assert [name for name in shown if name in stayed] == stayed


def test_a_page_tells_the_revision_of_its_snapshot_and_how_many_there_are(store):
    for number in range(3):
        store.create(cluster(f"c{number}"))
    page = store.list(Cluster, Query(limit=2))
    assert (names(page), page.count, page.revision) == (["c0", "c1"], 3, store.revision())
    last = store.list(Cluster, Query(limit=2, after=page.next))
    assert (names(last), last.next) == (["c2"], "")


@pytest.mark.parametrize("token", ["x", "{}", "[]", "[1,2]", '["a","b",null]', "[[],[],[]]", f"[1,2,{2**63}]", '["a","b",1e400]'])
def test_a_place_that_is_no_place_in_the_list_is_refused(store, token):
    store.create(cluster("one"))
    with pytest.raises(Invalid, match="continue"):
        store.list(Cluster, Query(after=token))


@pytest.mark.parametrize("field", ["nonsense", "metadata.name'", "spec.a b", "status.$", "spec.x[*]", "sealed", "doc", ""])
def test_a_field_that_does_not_exist_is_refused_in_filters_and_orders(store, field):
    with pytest.raises(Invalid):
        store.list(Cluster, Query(sort=(field,)))
    with pytest.raises(Invalid):
        store.list(Cluster, Query(filters=((Filter(field, "=", ("a",)),),)))


def test_a_broken_selector_is_an_error_of_the_list(store):
    with pytest.raises(Invalid, match="operator"):
        store.list(Cluster, Query(selector=LabelSelector(match_expressions=(Requirement("a", "Near", ("b",)),))))


def test_a_label_of_another_kind_does_not_count(store):
    store.create(cluster("one", env="a"))
    store.create(msgspec.structs.replace(repo(), metadata=ObjectMeta(name="web", namespace=NS, labels={"env": "a"})))
    assert listed(store, GitRepo, selector=LabelSelector({"env": "a"})) == ["web"]
    assert listed(store, Cluster, selector=LabelSelector({"env": "a"})) == ["one"]


def test_no_namespace_at_all_is_an_empty_list(store):
    store.create(cluster("one"))
    assert listed(store, Cluster, namespaces=()) == []


def test_a_character_that_a_database_can_not_hold_is_no_error_and_finds_nothing(store):
    noted = {"note": "a\0b", "other": "\\\0\0", "third": "\\u0000"}
    made = cluster("one")
    store.create(msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, annotations=noted)))
    assert store.get(Cluster, NS, "one").metadata.annotations == noted
    assert store.find(Cluster, NS, "o\0ne") is None
    for field in ("metadata.name", "metadata.labels[env]", "spec.clientID"):
        assert listed(store, Cluster, filters=((Filter(field, "=", ("a\0b",)),),)) == []
        assert listed(store, Cluster, sort=(field,)) == ["one"]
    assert listed(store, Cluster, filters=((Filter("metadata.annotations.third", "=", ("\\u0000",)),),)) == ["one"]


@pytest.mark.parametrize("sort", [(), ("metadata.name",), ("metadata.generation",), ("spec.clientID", "metadata.name")])
def test_a_place_with_values_of_another_kind_is_refused_or_is_just_a_place(store, sort):
    store.create(cluster("one"))
    for value in ("1", '"a"', "1.5", "-1", f"{2**62}"):
        token = f"[{','.join([value] * (len(sort) + 1))}]"
        try:
            page = store.list(Cluster, Query(sort=sort, after=token))
        except Invalid as error:
            assert error.field == "continue"
        else:
            assert page.count == 1
