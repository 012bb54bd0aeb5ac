"""The serving certificate in the cluster: kept in a Secret, told to Kubernetes by the APIService's `caBundle`.

Every replica looks at the same Secret. One that makes a certificate anew writes the Secret under the version it read, so of
two at the same time one takes the other's. A certificate is shown only once the APIService trusts who signed it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from extension.delivery.client import ApiError, Client
from extension.objects.errors import Unavailable
from extension.rancher.certificates import Material, Pair, names_of, renewed
from extension.rancher.group import APISERVICE

_APISERVICE = f"/apis/apiregistration.k8s.io/v1/apiservices/{APISERVICE}"
ATTEMPTS = 5


class Certificates:
    """The certificate of the Service `namespace/service`."""

    def __init__(self, client: Client, namespace: str, service: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = f"{service}-serving-cert"
        self._names = names_of(service, namespace)

    def current(self, now: datetime | None = None) -> Material:
        """What is to be shown now, renewed and told to Kubernetes where that was due. Raises Unavailable and ApiError."""
        for _ in range(ATTEMPTS):
            secret = self._read()
            old = _material(secret) if secret else None
            material = renewed(old, self._names, now or datetime.now(UTC))
            if material != old and not self._write(secret, material):
                continue
            self._tell(material)
            return material
        raise Unavailable("the serving certificate is changed by others all the time", where=f"Secret {self._namespace}/{self._name}")

    def _read(self) -> dict[str, Any] | None:
        try:
            return self._client.request("GET", f"{self._path}/{self._name}")
        except ApiError as error:
            if error.status_code == 404:
                return None
            raise

    def _write(self, old: Mapping[str, Any] | None, material: Material) -> bool:
        """Whether it was stored; not when somebody else stored one in between."""
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "data": _data(material)}
        body["metadata"] = old["metadata"] if old else {"name": self._name, "namespace": self._namespace}
        try:
            if old:
                self._client.request("PUT", f"{self._path}/{self._name}", body)
            else:
                self._client.request("POST", self._path, body)
        except ApiError as error:
            if error.status_code == 409:
                return False
            raise
        return True

    def _tell(self, material: Material) -> None:
        """Raises Unavailable where there is no APIService, for then nobody can come by this door."""
        bundle = base64.b64encode(material.bundle.encode()).decode()
        try:
            if self._client.request("GET", _APISERVICE)["spec"].get("caBundle") != bundle:
                body = {"spec": {"caBundle": bundle, "insecureSkipTLSVerify": False}}
                self._client.request("PATCH", _APISERVICE, body, content_type="application/merge-patch+json")
        except ApiError as error:
            if error.status_code != 404:
                raise
            hint = "the chart makes it; see docs/rancher.md"
            raise Unavailable("there is no such APIService", where=APISERVICE, hint=hint) from None

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{self._namespace}/secrets"


def _data(material: Material) -> dict[str, str]:
    texts = {
        "tls.crt": material.serving.certificate,
        "tls.key": material.serving.key,
        "ca.crt": material.authority.certificate,
        "ca.key": material.authority.key,
        "ca-bundle.crt": material.bundle,
    }
    return {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}


def _material(secret: Mapping[str, Any]) -> Material | None:
    """What the Secret holds; None for what is none, and is made anew."""
    try:
        text = {name: base64.b64decode(value, validate=True).decode() for name, value in secret["data"].items()}
        return Material(text["ca-bundle.crt"], Pair(text["ca.crt"], text["ca.key"]), Pair(text["tls.crt"], text["tls.key"]))
    except (KeyError, AttributeError, TypeError, binascii.Error, UnicodeDecodeError):
        return None
