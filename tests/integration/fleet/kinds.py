"""The kinds of Fleet and Rancher on the API server of a test: CRDs written from the specification, nothing behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from extension.delivery.client import ApiError, Client
from extension.objects.errors import UserError
from tests.integration.service.running import wait_for

FOLDER = Path(__file__).parent / "crds"
PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def documents() -> list[dict[str, Any]]:
    return [document for file in sorted(FOLDER.glob("*.yaml")) for document in yaml.safe_load_all(file.read_text())]


def install(client: Client) -> None:
    """Makes every CRD that is not there, and waits until the API server serves them all."""
    found = documents()
    for document in found:
        try:
            client.request("POST", PATH, document)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
    for document in found:
        wait_for(lambda d=document: _is_served(client, d["spec"]), f"{document['metadata']['name']} to be served")


def _is_served(client: Client, spec: dict[str, Any]) -> bool:
    """Established is not enough: the API server lists a kind some time before it answers for it."""
    version = spec["versions"][0]["name"]
    try:
        client.request("GET", f"/apis/{spec['group']}/{version}/{spec['names']['plural']}", query={"limit": "1"})
    except UserError:
        return False
    return True
