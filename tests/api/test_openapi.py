"""The OpenAPI document is true: random requests made from it get documented answers, and never a 500."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from api.app import create_app
from api.docs import METHODS
from api.services import Services
from extension.settings import Settings
from extension.store.opening import open_store
from extension.store.operations import StoredOperations
from tests.api.conftest import CLUSTERS, GITREPOS, Session, gitrepo

EXAMPLES = 6
ENDLESS = "/v1/events"
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


def move(*_args: Any) -> Any:
    raise AssertionError("the document needs no move")


def operations() -> list[Any]:
    """Every operation, once with requests as documented and once, if it takes anything, with others."""

    with TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "store.db")
        app = create_app(Services(store, store.tokens, Settings(state_dir=Path(folder)), "0", move, StoredOperations(store)))
        paths = app.test_client().get("/openapi.json").json["paths"]
        store.close()
    found = [(path, method, paths[path][method]) for path in paths if path != ENDLESS for method in METHODS if method in paths[path]]
    modes = [(path, method, GenerationMode.POSITIVE) for path, method, _ in found]
    modes += [
        (path, method, GenerationMode.NEGATIVE) for path, method, told in found if "{" in path or {"parameters", "requestBody"} & set(told)
    ]
    return [pytest.param(*mode, id=f"{mode[1]} {mode[0]} {mode[2].value}") for mode in modes]


@pytest.fixture
def filled(admin: Session) -> Session:
    admin.post(GITREPOS, json=gitrepo())
    admin.post(CLUSTERS, json={"metadata": {"name": "c1", "namespace": "team-a"}})
    admin.post("/v1/secrets", json={"metadata": {"name": "s", "namespace": "team-a"}, "stringData": {"k": "v"}})
    return admin


@pytest.mark.parametrize(("path", "method", "mode"), operations())
def test_what_the_document_says_is_so(app: Flask, filled: Session, path: str, method: str, mode: GenerationMode) -> None:
    operation = schemathesis.openapi.from_wsgi("/openapi.json", app)[path][method]
    answered: set[int] = set()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        response = case.call(headers={"Authorization": f"Bearer {filled.token}"})
        case.validate_response(response, checks=CHECKS)
        answered.add(response.status_code)

    run()
    assert answered


REAL = (
    (GITREPOS, {}),
    (f"{GITREPOS}/{{namespace}}", {"namespace": "team-a"}),
    (f"{GITREPOS}/{{namespace}}/{{name}}", {"namespace": "team-a", "name": "web"}),
    (f"{CLUSTERS}/{{namespace}}/{{name}}", {"namespace": "team-a", "name": "c1"}),
    ("/v1/secrets/{namespace}/{name}", {"namespace": "team-a", "name": "s"}),
    ("/v1/management.cattle.io.fleetworkspaces/{name}", {"name": "team-a"}),
    ("/v1/tokens", {}),
)


@pytest.mark.parametrize(("path", "parameters"), REAL, ids=[path for path, _ in REAL])
def test_real_answers_fit_their_schema(app: Flask, filled: Session, path: str, parameters: dict[str, str]) -> None:
    case = schemathesis.openapi.from_wsgi("/openapi.json", app)[path]["get"].Case(path_parameters=parameters)
    response = case.call(headers={"Authorization": f"Bearer {filled.token}"})
    assert response.status_code == 200
    case.validate_response(response, checks=CHECKS)
