"""ImageScans by hand: what is refused before a registry is asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Session

URL = "/v1/fleet.cattle.io.imagescans"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"image": ""}, "spec.image"),
        ({"tagName": ""}, "spec.tagName"),
        ({"image": "Not An Image"}, "spec.image"),
        ({"interval": "soon"}, "spec.interval"),
        ({"policy": {"semver": {"range": "one or two"}}}, "spec.policy.semver.range"),
    ],
)
def test_a_bad_field_is_refused_by_name(admin: Session, spec: dict[str, Any], field: str) -> None:
    body = {"metadata": {"name": "x", "namespace": "team-a"}, "spec": {"image": "org/app", "tagName": "app", **spec}}
    refused = admin.post(URL, json=body)
    assert (refused.status_code, refused.json["fieldName"]) == (422, field)
