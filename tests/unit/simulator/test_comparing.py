"""Rows of a hub against what agents know."""

from __future__ import annotations

import msgspec
import pytest

from extension.objects.agents import Registration
from extension.simulator.agents import Agents, Known
from extension.simulator.behaviour import Behaviour
from extension.simulator.comparing import Comparison, Count, Row

TRUE = Row("ws/c0", "web", "d1", "d1", True, "Ready")
OTHER = msgspec.structs.replace(TRUE, cluster="ws/c1")


def comparison():
    agents = Agents(Behaviour())
    agents.joined([Registration(f"c{n}", "ws", f"c{n}", "", f"key{n}") for n in range(2)], 0.0)
    agents.known = {0: {7: Known(1, "d1", True)}, 1: {7: Known(1, "d1", True)}}
    return Comparison([agents], {7: "web"})


def test_rows_that_are_as_the_agents_know_them_differ_in_nothing():
    made = comparison()
    assert list(made.rows([OTHER, TRUE])) == [] == list(made.missing())
    assert list(made.clusters([Count("ws/c0", 1, 1), Count("ws/elsewhere", 9, 9)])) == [] == list(made.bundles([Count("web", 2, 2)]))
    assert made.rows_compared == 2


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(msgspec.structs.replace(TRUE, **change), id=next(iter(change)))
        for change in (
            {"deployment_id": "d2"},
            {"applied": "d0"},
            {"ready": False},
            {"state": "Pending"},
            {"bundle": "db"},
            {"cluster": "ws/stranger"},
        )
    ],
)
def test_a_row_that_differs_in_one_thing_is_told(row):
    made = comparison()
    assert [one.place for one in made.rows([OTHER, row])] == [f"{row.cluster} {row.bundle}"]


def test_a_row_that_is_not_there_or_twice_is_told():
    made = comparison()
    assert [one.place for one in made.rows([TRUE, TRUE])] == ["ws/c0 web"]
    assert [one.place for one in made.missing()] == ["ws/c1"]


def test_counters_that_are_not_a_recount_are_told():
    made = comparison()
    assert [one.shown for one in made.clusters([Count("ws/c0", 1, 0)])] == ["0/1 ready"]
    assert [one.told for one in made.bundles([Count("web", 2, 1)])] == ["2/2 ready"]
