"""`/v1/connections`: who may try a way to a repository, what is refused before anything is reached, and what is told."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from api.app import create_app
from api.services import Services
from extension.engine.connections import Connections
from extension.objects.errors import Unavailable
from tests.api.conftest import GITREPOS, Session
from tests.fakes.sources import DictSources

PLACE = "/v1/connections"
URL = "https://git.example.org/web.git"
ASKED = {"namespace": "team-a", "repo": URL}
RESTRICTIONS = "/v1/fleet.cattle.io.gitreporestrictions"


@pytest.fixture
def sources() -> DictSources:
    found = DictSources()
    found.commit(URL, {"a/x.yaml": ""})
    return found


@pytest.fixture
def services(services: Services, sources: DictSources) -> Services:
    return dataclasses.replace(services, connections=Connections(services.store, sources))


def test_a_way_is_tried_and_nothing_is_stored(admin: Session, sources: DictSources) -> None:
    answer = admin.post(PLACE, json={**ASKED, "branch": "main", "clientSecretName": "mine", "paths": True})
    told = answer.json
    assert (answer.status_code, told["type"], told["works"], told["defaultBranch"]) == (200, "connection", True, "main")
    assert told["steps"][0] == {"hop": "address", "state": "passed", "message": "", "hint": ""}
    assert (told["paths"], told["morePaths"]) == ([{"path": "a", "holds": "manifests"}], 0)
    assert (sources.secrets, admin.get(GITREPOS).json["count"]) == (["mine"], 0)


def test_a_hop_that_fails_is_told_with_the_next_step(admin: Session, sources: DictSources) -> None:
    sources.refused = Unavailable("the proxy p does not connect", hint="check HTTPS_PROXY", hop="credentials")
    told = admin.post(PLACE, json=ASKED).json
    failed = next(step for step in told["steps"] if step["state"] == "failed")
    assert (told["works"], failed["message"], failed["hint"]) == (False, "the proxy p does not connect", "check HTTPS_PROXY")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"repo": URL}, 422, "namespace"),
        ({"namespace": "team-a"}, 422, "repo"),
        ({**ASKED, "unknown": 1}, 422, "unknown"),
        ({**ASKED, "paths": "yes"}, 422, "paths"),
        ({**ASKED, "caBundle": "?"}, 422, "caBundle"),
        ({**ASKED, "namespace": "nowhere"}, 422, "metadata.namespace"),
        ({**ASKED, "repo": "/etc"}, 422, "spec.repo"),
        ({**ASKED, "repo": "ext::sh -c id"}, 422, "spec.repo"),
        ({**ASKED, "repo": "https://bob:secret@git.example.org/web.git"}, 422, "spec.repo"),
        ({**ASKED, "branch": "--upload-pack=x"}, 422, "spec.branch"),
        ({**ASKED, "clientSecretName": "../x"}, 422, "spec.clientSecretName"),
    ],
)
def test_what_no_gitrepo_could_have_is_not_tried(
    admin: Session, sources: DictSources, body: dict[str, Any], status: int, field: str
) -> None:
    answer = admin.post(PLACE, json=body)
    assert (answer.status_code, answer.json["fieldName"], sources.asked) == (status, field, []), answer.json


@pytest.mark.parametrize(
    ("roles", "status"),
    [({"team_a": "read-only"}, 403), ({"team_b": "admin"}, 403), ({"team_a": "member"}, 200), ({"all": "read-only"}, 403)],
)
def test_it_takes_what_creating_a_gitrepo_takes(
    login: Callable[..., Session], sources: DictSources, roles: dict[str, str], status: int
) -> None:
    assert login(**roles).post(PLACE, json=ASKED).status_code == status
    assert bool(sources.asked) == (status == 200)


def test_what_the_workspace_does_not_allow_is_refused_before_it_is_tried(admin: Session, sources: DictSources) -> None:
    place = {"name": "r", "namespace": "team-a"}
    admin.post(RESTRICTIONS, json={"metadata": place, "allowedRepoPatterns": ["https://other.example.org/.*"]})
    answer = admin.post(PLACE, json=ASKED)
    assert (answer.status_code, answer.json["fieldName"], sources.asked) == (403, "spec.repo", [])


def test_certificates_are_taken_as_a_gitrepo_has_them(admin: Session, sources: DictSources) -> None:
    encoded = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()
    assert admin.post(PLACE, json={**ASKED, "caBundle": encoded, "insecureSkipTLSVerify": True}).status_code == 200


def test_without_anybody_who_tries_it_is_not_there(services: Services, app: Flask) -> None:
    bare = create_app(dataclasses.replace(services, connections=None))
    session = Session(bare.test_client(), services.tokens.create("someone", {"*": "admin"}))
    assert session.post(PLACE, json=ASKED).status_code == 404
