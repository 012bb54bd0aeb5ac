"""Targeting by sets gives every cluster what Fleet's loop over clusters gives it, whatever the bundle and the world."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from extension.objects.kinds import Bundle
from extension.targeting import MemoryUniverse, explain, plan
from tests.unit.targeting import naive
from tests.unit.targeting.naive import World
from tests.unit.targeting.restated import OPTION_SETS, as_json
from tests.unit.targeting.test_matching import GROUPS, LABELS, SELECTORS
from tests.unit.targeting.worlds import Substituting, bundle, cluster, group, mapping

ODD_LABELS = st.dictionaries(
    st.sampled_from(("a", "b", "x.cattle.io/hidden", "fleet.cattle.io/seen", "management.cattle.io/cluster-display-name")),
    st.sampled_from(("x", "y", "c1", "007", "")),
    max_size=3,
)
TEXTS = st.sampled_from(
    (
        *(
            "plain",
            "${ .ClusterLabels.a }",
            "${ .ClusterName }-${ .ClusterNamespace }",
            "${ .ClusterValues.v }",
            "${ .ClusterAnnotations.n }",
        ),
        *("global.fleet.clusterLabels.a", "global.fleet.clusterLabels.x.cattle.io/hidden", "global.fleet.clusterLabels.none"),
    )
)
VALUES = st.dictionaries(
    st.sampled_from("kl"),
    st.recursive(TEXTS, lambda i: st.lists(i, max_size=2) | st.dictionaries(st.just("m"), i), max_leaves=3),
    max_size=2,
)
TEMPLATED = st.fixed_dictionaries(
    {},
    optional={
        "values": VALUES,
        "templateValues": st.dictionaries(st.sampled_from("kl"), TEXTS, max_size=1),
        "disablePreProcess": st.booleans(),
    },
)
OPTIONS = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"helm": TEMPLATED}),
    OPTION_SETS,
)


EVERYONE: dict[str, Any] = {"name": "all", "clusterSelector": {}}


@st.composite
def entries(draw: st.DrawFn, with_options: bool = True) -> dict[str, Any]:
    entry: dict[str, Any] = draw(OPTIONS) if with_options else {}
    for field, values in (
        ("clusterName", st.sampled_from(("c0", "c1"))),
        ("clusterSelector", SELECTORS),
        ("clusterGroup", st.sampled_from(GROUPS)),
        ("clusterGroupSelector", SELECTORS),
    ):
        if draw(st.integers(0, 2)) == 0:
            entry = {**entry, field: draw(values)}
    return {**entry, "doNotDeploy": True} if with_options and draw(st.integers(0, 5)) == 0 else entry


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    """Made as `fleet apply` makes them: customizations, then the GitRepo's targets (or overrides), which are restrictions too."""
    given_ = draw(st.lists(entries(with_options=draw(st.booleans())), max_size=2))
    given_ += draw(st.sampled_from(([EVERYONE], [EVERYONE], [EVERYONE], [])))
    custom = draw(st.lists(entries(), max_size=3))
    restrictions = [{key: entry[key] for key in entry if key.startswith("cluster")} for entry in given_]
    restrictions = draw(
        st.sampled_from(
            (restrictions, restrictions, restrictions, restrictions[:1], [], draw(st.lists(entries(with_options=False), max_size=3)))
        )
    )
    mode = draw(st.sampled_from(("", "FirstMatch", "AllMatches", "AllMatches")))
    spec = {
        **draw(st.fixed_dictionaries({"helm": TEMPLATED}) | OPTIONS),
        "targets": [*custom, *given_],
        "targetRestrictions": restrictions,
        "targetCustomizationMode": mode,
    }
    return bundle(spec, draw(LABELS))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    places = st.sampled_from(("ws", "ws", "ws", "far"))
    annotated = [
        cluster(f"c{n}", draw(LABELS | ODD_LABELS), draw(places), templateValues=draw(st.sampled_from(({}, {"v": 1}, {"v": "w"}))))
        for n in range(draw(st.integers(2, 5)))
    ]
    groups = [group(name, draw(SELECTORS), draw(LABELS), draw(places)) for name in draw(st.lists(st.sampled_from(GROUPS), unique=True))]
    mappings = [mapping(draw(SELECTORS), draw(SELECTORS))] if draw(st.booleans()) else []
    return World(annotated, groups, mappings, {"ws": {}, "far": draw(LABELS)})


def _by_sets(app: Bundle, world: World) -> dict[str, Any]:
    universe = MemoryUniverse(world.clusters, world.groups, world.mappings, world.namespaces)
    planned = plan(app, universe, Substituting(), manifest_id="s-1")
    found: dict[str, Any] = {}
    for assignment in planned.assignments:
        made = {"options": as_json(assignment.variant.options), "id": assignment.variant.deployment_id}
        found |= {_key(universe, number): made for number in assignment.clusters}
    for error in planned.errors:
        found |= {_key(universe, number): error.message for number in error.clusters}
    assert len(found) == sum(len(a.clusters) for a in planned.assignments) + sum(len(e.clusters) for e in planned.errors)
    return found


def _key(universe: MemoryUniverse, number: int) -> str:
    meta = universe.cluster(number).metadata
    return f"{meta.namespace}/{meta.name}"


@given(bundles(), worlds())
@settings(max_examples=300, deadline=None)
def test_every_cluster_gets_what_a_loop_over_clusters_gives_it(app: Bundle, world: World) -> None:
    assert _by_sets(app, world) == naive.targets(app, world)


@given(bundles(), worlds())
@settings(deadline=None)
def test_an_explanation_agrees_with_the_plan(app: Bundle, world: World) -> None:
    universe = MemoryUniverse(world.clusters, world.groups, world.mappings, world.namespaces)
    targeted = set(naive.targets(app, world))
    found = {_key(universe, n) for n in range(len(world.clusters)) if explain(app, n, universe).matched}
    assert found == targeted


@given(bundles(), worlds(), st.randoms())
@settings(max_examples=50, deadline=None)
def test_the_order_of_clusters_and_groups_does_not_count(app: Bundle, world: World, random: Any) -> None:
    clusters, groups = list(world.clusters), list(world.groups)
    random.shuffle(clusters)
    random.shuffle(groups)
    assert _by_sets(app, World(clusters, groups, world.mappings, world.namespaces)) == _by_sets(app, world)
