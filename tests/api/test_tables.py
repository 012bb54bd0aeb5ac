"""Rows and columns of tables, and the numbers of a status, as Rancher's and Kubernetes' clients expect them (`fleet-semantics.md` 1.19)."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import orjson
import pytest

from api import columns as sorting
from api.services import Services
from extension.objects.base import Condition
from extension.objects.kinds import GitRepo
from extension.objects.shown import COLUMNS
from tests.api.conftest import CLUSTERS, GITREPOS, Session, gitrepo


def columns(admin: Session, schema: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = admin.get(f"/v1/schemas/{schema}").json["attributes"]["columns"]
    return found


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_a_type_tells_fleets_columns_and_where_their_cells_are(admin: Session, kind: str) -> None:
    found = columns(admin, f"fleet.cattle.io.{kind.lower()}")
    assert [column["name"] for column in found] == ["Name", *(title for title, _ in COLUMNS[kind])]
    assert [column["field"] for column in found] == [f"$.metadata.fields[{place}]" for place in range(len(found))]


def test_a_type_without_columns_of_its_own_shows_its_name(admin: Session) -> None:
    assert [column["name"] for column in columns(admin, "secret")] == ["Name"]


def test_a_resource_has_a_cell_for_every_column_of_its_type_in_a_list_and_alone(admin: Session) -> None:
    admin.post(GITREPOS, json=gitrepo("web", "team-a"))
    alone: dict[str, Any] = admin.get(f"{GITREPOS}/team-a/web").json
    assert len(alone["metadata"]["fields"]) == len(columns(admin, "fleet.cattle.io.gitrepo"))
    assert alone["metadata"]["fields"][:2] == ["web", alone["spec"]["repo"]]
    assert alone["metadata"]["fields"][3] == "0/0"
    assert admin.get(GITREPOS).json["data"][0]["metadata"]["fields"] == alone["metadata"]["fields"]


def test_what_is_read_with_its_cells_can_be_written_back(admin: Session) -> None:
    admin.post(GITREPOS, json=gitrepo("web", "team-a"))
    read = admin.get(f"{GITREPOS}/team-a/web").json
    assert admin.put(f"{GITREPOS}/team-a/web", json=read).status_code == 200


def test_numbers_of_a_status_are_zero_and_not_absent(admin: Session) -> None:
    admin.post(GITREPOS, json=gitrepo("web", "team-a"))
    admin.post(CLUSTERS, json={"metadata": {"name": "one", "namespace": "team-a"}})
    repo = admin.get(f"{GITREPOS}/team-a/web").json["status"]
    assert (repo["readyClusters"], repo["desiredReadyClusters"], repo["summary"]) == (0, 0, {"ready": 0, "desiredReady": 0})
    assert set(repo["resourceCounts"].values()) == {0}
    cluster = admin.get(f"{CLUSTERS}/team-a/one").json["status"]
    assert (cluster["readyGitRepos"], cluster["desiredReadyHelmOps"], cluster["summary"]["desiredReady"]) == (0, 0, 0)


@pytest.mark.usefixtures("deployed")
def test_counts_by_cluster_are_read_page_by_page_and_are_not_in_the_gitrepo(admin: Session) -> None:
    status = admin.get(f"{GITREPOS}/team-a/web").json["status"]
    assert "perClusterResourceCounts" not in status
    found = admin.get("/v1/fleet.cattle.io.bundledeployments?gitrepo=team-a/web&limit=2").json
    assert (found["count"], len(found["data"])) == (3, 2)
    counts = {one["metadata"]["labels"]["fleet.cattle.io/cluster"]: one["status"]["resourceCounts"] for one in found["data"]}
    assert {cluster: (found["ready"], found["desiredReady"]) for cluster, found in counts.items()} == {"c1": (2, 2), "c2": (2, 2)}
    assert (status["resourceCounts"]["ready"], status["resourceCounts"]["desiredReady"]) == (6, 6)


def _repos_in_states(services: Services, admin: Session) -> None:
    for name, ready in (("b", "2/3"), ("a", "1/3"), ("c", "0/3"), ("d", "1/3")):
        admin.post(GITREPOS, json=gitrepo(name, "team-a"))
        repo = services.store.get(GitRepo, "team-a", name)
        message = "" if ready == "2/3" else f"NotReady({ready[0]})"
        ready_is = Condition(type="Ready", status="False" if message else "True", reason="Error" if message else "", message=message)
        services.store.update_status(msgspec.structs.replace(repo, status=msgspec.structs.replace(repo.status, conditions=(ready_is,))))


def _names(admin: Session, sort: str, **more: str) -> list[str]:
    query = "&".join(f"{key}={value}" for key, value in {"sort": sort, **more}.items())
    return [one["metadata"]["name"] for one in admin.get(f"{GITREPOS}/team-a?{query}").json["data"]]


@pytest.mark.parametrize(
    ("sort", "wanted"),
    [
        ("metadata.fields[0]", "abcd"),
        ("-metadata.fields[0]", "dcba"),
        ("metadata.fields[4]", "bcad"),
        ("-metadata.fields[4]", "adcb"),
        ("status.conditions[Ready].message", "bcad"),
    ],
)
def test_a_table_is_sorted_by_any_of_its_columns_also_by_what_is_counted(
    admin: Session, services: Services, sort: str, wanted: str
) -> None:
    _repos_in_states(services, admin)
    assert _names(admin, sort) == list(wanted)
    first = admin.get(f"{GITREPOS}/team-a?sort={sort}&limit=3").json
    rest = admin.get(f"{GITREPOS}/team-a?sort={sort}&limit=3&continue={first['continue']}").json
    assert [one["metadata"]["name"] for page in (first, rest) for one in page["data"]] == list(wanted)
    assert (first["count"], "continue" in rest) == (4, False)


def test_every_column_of_every_kind_can_be_sorted_by_but_two_of_deployments(admin: Session) -> None:
    refused = []
    for schema in admin.get("/v1/schemas").json["data"]:
        for number, column in enumerate(schema["attributes"].get("columns", ())):
            place = schema["links"]["collection"].partition("http://localhost")[2]
            answer = admin.get(f"{place}?sort=metadata.fields[{number}]")
            refused += [] if answer.status_code == 200 else [(schema["id"], column["name"])]
    assert refused == [("fleet.cattle.io.bundledeployment", "Deployed"), ("fleet.cattle.io.bundledeployment", "Monitored")]


def test_a_continue_that_is_no_place_among_sorted_rows_is_refused(admin: Session, services: Services) -> None:
    _repos_in_states(services, admin)
    url = f"{GITREPOS}/team-a?sort=metadata.fields[4]&limit=3"
    token = admin.get(url).json["continue"]
    place, digest = orjson.loads(base64.urlsafe_b64decode(token + "=="))
    made = base64.urlsafe_b64encode(orjson.dumps([place[:-1], digest])).decode().rstrip("=")
    refused = admin.get(f"{url}&continue={made}")
    assert (refused.status_code, refused.json["fieldName"]) == (422, "continue")


def test_too_many_to_sort_by_what_is_counted_are_refused_with_what_to_do(admin: Session, services: Services, monkeypatch: Any) -> None:
    monkeypatch.setattr(sorting, "MOST", 2)
    _repos_in_states(services, admin)
    refused = admin.get(f"{GITREPOS}?sort=metadata.fields[3]")
    assert (refused.status_code, refused.json["fieldName"]) == (422, "sort")
    assert "4 fleet.cattle.io.gitrepos are too many" in refused.json["message"]
    assert admin.get(f"{GITREPOS}?sort=metadata.fields[17]").json["message"] == "sort: fleet.cattle.io.gitrepos have no column 17"
