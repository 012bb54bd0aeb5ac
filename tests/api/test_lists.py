"""Lists: pages that stay in place while others write, Steve's parameters, and refusals instead of wrong lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api import listing
from api.nouns import Noun
from api.registry import NOUNS
from tests.api.conftest import GITREPOS, Session, gitrepo


@pytest.fixture
def seven(admin: Session) -> None:
    for i in range(7):
        body = gitrepo(f"r{i}", "team-a" if i % 2 else "team-b")
        body["metadata"]["labels"] = {"n": str(i), **({"odd": "yes"} if i % 2 else {})}
        admin.post(GITREPOS, json=body)


def ids(body: Any) -> list[str]:
    return [item["id"] for item in body["data"]]


@pytest.mark.usefixtures("seven")
def test_pages_neither_skip_nor_repeat_while_others_write(admin: Session) -> None:
    page = admin.get(f"{GITREPOS}?limit=3").json
    seen = ids(page)
    admin.post(GITREPOS, json=gitrepo("a-new-first-one", "fleet-default"))
    admin.delete(f"{GITREPOS}/{seen[-1]}")
    while "continue" in page:
        page = admin.get(f"{GITREPOS}?limit=3&continue={page['continue']}").json
        seen += ids(page)
    assert seen == ["team-a/r1", "team-a/r3", "team-a/r5", "team-b/r0", "team-b/r2", "team-b/r4", "team-b/r6"]


@pytest.mark.usefixtures("seven")
def test_the_link_to_the_next_page_keeps_the_parameters(admin: Session) -> None:
    page = admin.get(f"{GITREPOS}?limit=2&labelSelector=odd").json
    assert (page["pagination"]["partial"], page["pagination"]["limit"], page["count"]) == (True, 2, 3)
    rest = admin.get(page["pagination"]["next"]).json
    assert ids(rest) == ["team-a/r5"]
    assert "pagination" not in rest


@pytest.mark.usefixtures("seven")
def test_numbered_pages_are_served_for_ranchers_tables(admin: Session) -> None:
    second = admin.get(f"{GITREPOS}?page=2&pagesize=3").json
    assert (ids(second), second["pages"], second["count"]) == (["team-b/r0", "team-b/r2", "team-b/r4"], 3, 7)
    beyond = admin.get(f"{GITREPOS}?page=9&pagesize=3").json
    assert (beyond["data"], beyond["count"]) == ([], 7)


@pytest.mark.usefixtures("seven")
def test_a_huge_pagesize_means_as_many_as_one_answer_holds(admin: Session) -> None:
    assert len(admin.get(f"{GITREPOS}?pagesize=100000&exclude=metadata.managedFields").json["data"]) == 7


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("labelSelector=odd", [1, 3, 5], id="a label that is there"),
        pytest.param("labelSelector=!odd", [0, 2, 4, 6], id="a label that is not"),
        pytest.param("labelSelector=n in (1,2),n!=2", [1], id="a set and an inequality"),
        pytest.param("filter=metadata.name=r3", [3], id="one name"),
        pytest.param("filter=metadata.name=r3,metadata.name=r4", [3, 4], id="commas are alternatives"),
        pytest.param("filter=metadata.labels[odd]&filter=metadata.name!=r3", [1, 5], id="repeated filters must all hold"),
        pytest.param("filter=metadata.name~r&filter=metadata.name in (r1,r2)", [1, 2], id="substring and set"),
        pytest.param("filter=!metadata.labels[odd],metadata.name='r1'", [1, 0, 2, 4, 6], id="absence, and a quoted value"),
        pytest.param("sort=-metadata.namespace,metadata.name", [0, 2, 4, 6, 1, 3, 5], id="by two fields"),
        pytest.param("sort=-metadata.name&limit=7", [6, 5, 4, 3, 2, 1, 0], id="descending"),
    ],
)
@pytest.mark.usefixtures("seven")
def test_a_list_is_selected_and_sorted_by_the_store(admin: Session, query: str, expected: list[int]) -> None:
    assert [int(item["metadata"]["name"][1:]) for item in admin.get(f"{GITREPOS}?{query}").json["data"]] == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        pytest.param("labelSelector=a b", "labelSelector", id="a selector that can't be read"),
        pytest.param("labelSelector=a in ()b", "labelSelector", id="text after a set"),
        pytest.param("filter=metadata.name<3", "filter", id="an operator that is not offered"),
        pytest.param("filter=nonsense=1", "filter", id="a field that is not offered"),
        pytest.param("sort=nonsense", "sort", id="a field that can't be sorted by"),
        pytest.param("sort=metadata.name,spec", "sort", id="an object that can't be sorted by"),
        pytest.param("sort=--metadata.name", "sort", id="two directions"),
        pytest.param("sort=spec.a-b", "sort", id="a path that is none"),
        pytest.param("filter=status.readyClusters=0", "filter", id="a count"),
        pytest.param("sort=-status.summary.ready", "sort", id="a sum of counts"),
        pytest.param("filter=metadata.resourceVersion=1", "filter", id="a version that moves with the counts"),
        pytest.param("filter=metadata.state.name=sleepy", "filter", id="a state nobody knows"),
        pytest.param("filter=metadata.state.name=modified", "filter", id="the state of a GitRepo, which is a sum"),
        pytest.param("limit=0", "limit", id="no rows"),
        pytest.param("limit=x", "limit", id="a limit that is no number"),
        pytest.param("page=2&pagesize=5000", "page", id="pages that are too large"),
        pytest.param("page=11&pagesize=1000", "page", id="pages that are too deep"),
        pytest.param("page=2&continue=x", "page", id="two ways to page"),
        pytest.param("continue=garbage", "continue", id="a token of nobody"),
        pytest.param("revision=999999", "revision", id="a revision of the future"),
        pytest.param("labelselector=odd", "labelselector", id="a parameter nobody knows"),
    ],
)
@pytest.mark.usefixtures("seven")
def test_what_is_not_understood_is_refused_by_name(admin: Session, query: str, field: str) -> None:
    response = admin.get(f"{GITREPOS}?{query}")
    assert (response.status_code, response.json["fieldName"]) == (422, field)


@pytest.mark.usefixtures("seven")
def test_a_continue_belongs_to_its_list(admin: Session) -> None:
    token = admin.get(f"{GITREPOS}?limit=2").json["continue"]
    assert admin.get(f"{GITREPOS}?limit=5&continue={token}").status_code == 200
    for other in (f"{GITREPOS}?labelSelector=odd&continue={token}", f"{GITREPOS}/team-a?continue={token}"):
        assert admin.get(other).json["fieldName"] == "continue"


@pytest.mark.usefixtures("seven")
def test_fields_can_be_left_out(admin: Session) -> None:
    item = admin.get(f"{GITREPOS}?exclude=spec.repo&exclude=metadata.labels").json["data"][0]
    assert "labels" not in item["metadata"]
    assert item.get("spec", {}) == {}


def leaves(found: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The path and the value, as a filter has them, of every scalar in an answer."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from leaves(value, f"{path}[{key}]" if path == "metadata.labels" else f"{path}.{key}".lstrip("."))
    elif isinstance(found, list):
        for i, value in enumerate(found):
            yield from leaves(value, f"{path}[{i}]")
    elif found is not None:
        yield path, str(found).lower() if isinstance(found, bool) else str(found)


MANAGED = "metadata.labels[fleet.cattle.io/managed]"
"""Every deployment has it, and only its Bundle's labels can be asked for."""


@pytest.mark.parametrize("noun", NOUNS, ids=[noun.plural for noun in NOUNS])
@pytest.mark.usefixtures("filled")
def test_what_a_list_shows_can_be_asked_for_or_is_refused_but_never_missed(admin: Session, noun: Noun) -> None:
    url, found = f"/v1/{noun.plural}", 0
    for item in admin.get(url).json["data"]:
        for path, value in leaves({part: item.get(part, {}) for part in ("id", "metadata", "spec", "status")}):
            answered = admin.get(url, query_string={"filter": f"{path}='{value}'"})
            if answered.status_code != 422 and path != MANAGED:
                found += item["id"] in ids(answered.json)
                assert item["id"] in ids(answered.json), (path, value)
    assert found > 3


def test_an_empty_list_is_a_list(admin: Session) -> None:
    body = admin.get(GITREPOS).json
    assert (body["data"], body["count"], body["createTypes"]) == ([], 0, {"fleet.cattle.io.gitrepo": f"http://localhost{GITREPOS}"})


def test_the_bounds_are_those_that_are_documented(app: Any) -> None:
    documented = app.test_client().get("/openapi.json").json["paths"][GITREPOS]["get"]["parameters"]
    told = {p["name"]: p.get("description", "") for p in documented}
    assert str(listing.MAX_LIMIT) in told["limit"]
    assert str(listing.MAX_OFFSET) in told["page"]
