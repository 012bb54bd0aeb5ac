"""The serving certificate among replicas: one Secret, one CA in the APIService, whoever was first."""

from __future__ import annotations

import base64
import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from extension.delivery.client import ApiError
from extension.objects.errors import Unavailable
from extension.rancher.certificates import SERVING
from extension.rancher.group import APISERVICE
from extension.rancher.serving import Certificates

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "/api/v1/namespaces/cattle/secrets/cd-serving-cert"
SERVICE = f"/apis/apiregistration.k8s.io/v1/apiservices/{APISERVICE}"


class Api:
    """An API server with optimistic locking. `before` is called once before the next write of the Secret."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {SERVICE: {"spec": {}}}
        self.writes: list[str] = []
        self.before: Any = None

    def request(self, method: str, path: str, body: Any = None, **_: Any) -> Any:
        if method == "GET":
            if path not in self.objects:
                raise ApiError("not found", status_code=404, reason="NotFound")
            return copy.deepcopy(self.objects[path])
        self.writes.append(f"{method} {path.rpartition('/')[2]}")
        if method == "PATCH":
            self.objects[path]["spec"] |= body["spec"]
            return {}
        if self.before:
            before, self.before = self.before, None
            before()
        return self._store(method, SECRET, body)

    def _store(self, method: str, path: str, body: Any) -> Any:
        old = self.objects.get(path)
        version = old["metadata"]["resourceVersion"] if old else 0
        if (method == "POST") == bool(old) or (old and body["metadata"]["resourceVersion"] != version):
            raise ApiError("conflict", status_code=409, reason="Conflict")
        self.objects[path] = {**body, "metadata": {**body["metadata"], "resourceVersion": version + 1}}
        return self.objects[path]


@pytest.fixture
def api() -> Api:
    return Api()


def replica(api: Api) -> Certificates:
    return Certificates(api, "cattle", "cd")  # type: ignore[arg-type]


def bundle(api: Api) -> str:
    return base64.b64decode(api.objects[SERVICE]["spec"]["caBundle"]).decode()


def test_the_first_makes_it_and_the_next_take_it(api: Api) -> None:
    first = replica(api).current(NOW)
    assert replica(api).current(NOW) == first
    assert api.writes == ["POST secrets", f"PATCH {APISERVICE}"]
    assert bundle(api) == first.bundle and api.objects[SERVICE]["spec"]["insecureSkipTLSVerify"] is False


@pytest.mark.parametrize("is_there", [False, True])
def test_of_two_at_the_same_time_one_takes_the_other_s(api: Api, is_there: bool) -> None:
    now = NOW
    if is_there:
        replica(api).current(NOW)
        now = NOW + SERVING
    others: list[Any] = []
    api.before = lambda: others.append(replica(api).current(now))
    assert [replica(api).current(now)] == others


def test_what_somebody_broke_is_made_anew(api: Api) -> None:
    first = replica(api).current(NOW)
    api.objects[SECRET]["data"]["tls.key"] = "!!"
    second = replica(api).current(NOW)
    assert second.serving != first.serving and bundle(api) == second.bundle


def test_a_bundle_that_somebody_took_away_is_put_back(api: Api) -> None:
    made = replica(api).current(NOW)
    api.objects[SERVICE]["spec"] = {"caBundle": "b3RoZXI="}
    replica(api).current(NOW)
    assert bundle(api) == made.bundle


def test_a_missing_apiservice_is_said_with_the_next_step(api: Api) -> None:
    del api.objects[SERVICE]
    with pytest.raises(Unavailable, match=APISERVICE):
        replica(api).current(NOW)
