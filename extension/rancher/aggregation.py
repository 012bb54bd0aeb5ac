"""The door through Kubernetes' aggregation layer, kept open: whom it trusts, and what it shows (`rancher-integration.md` 3.4a).

Two threads: one follows the ConfigMap that tells who may speak for users, one renews the serving certificate. Where the API
server does not answer, what was known stays good: certificates end by themselves. Connections made under another request-header
CA than today's are of no use any more.
"""

from __future__ import annotations

import ssl
import tempfile
import threading
from collections.abc import Callable

import msgspec
import structlog

from extension.delivery.client import Client
from extension.objects.errors import Invalid, UserError
from extension.rancher import requestheader
from extension.rancher.certificates import Material
from extension.rancher.requestheader import CONFIGMAP, NAMESPACE, Config
from extension.rancher.serving import Certificates

log = structlog.get_logger()

WATCH_SECONDS = 300
RENEW_SECONDS = 60.0
RETRY_SECONDS = 2.0
CA, CERTIFICATE = "the request-header CA", "the serving certificate"
_CONFIGMAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"


class Door(msgspec.Struct, frozen=True):
    """How a connection is made: with this context, which trusts this configuration's CA."""

    context: ssl.SSLContext
    config: Config


class Aggregation:
    def __init__(self, client: Client, certificates: Certificates) -> None:
        self._client = client
        self._certificates = certificates
        self._config: Config | None = None
        self._material: Material | None = None
        self._door: Door | None = None
        self._problems: dict[str, str] = {CA: "not read yet", CERTIFICATE: "not made yet"}
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def start(self) -> None:
        for work in (self._follow, self._renew):
            threading.Thread(target=self._again, args=(work,), name=f"aggregation{work.__name__}", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    @property
    def door(self) -> Door | None:
        """How to take a connection now; None while that can't be."""
        return self._door

    @property
    def config(self) -> Config | None:
        return self._config

    def problem(self) -> str:
        """What keeps the door shut; empty when it is open."""
        return "" if self._door else "; ".join(f"{what}: {why}" for what, why in self._problems.items())

    def _again(self, work: Callable[[], float]) -> None:
        """Does the work again and again, after the seconds that it names, or soon when it failed."""
        pause = 0.0
        while not self._stopping.wait(pause):
            try:
                pause = work()
            except UserError as error:
                log.warning("aggregation", problem=error.message, where=error.where, hint=error.hint)
                self._problems[CA if work == self._follow else CERTIFICATE] = str(error)
                pause = RETRY_SECONDS
            except Exception:  # a thread that ends would leave the door as it is for ever
                log.exception("aggregation", after=RETRY_SECONDS)
                pause = RETRY_SECONDS

    def _follow(self) -> float:
        """Reads the ConfigMap, and what it becomes."""
        found = self._client.request("GET", f"{_CONFIGMAPS}/{CONFIGMAP}")
        self._trust(found.get("data") or {})
        query = {"fieldSelector": f"metadata.name={CONFIGMAP}", "resourceVersion": found["metadata"]["resourceVersion"]}
        for event in self._client.watch(_CONFIGMAPS, query, WATCH_SECONDS):
            if event.get("type") not in ("ADDED", "MODIFIED", "DELETED") or self._stopping.is_set():
                break
            self._trust(event["object"].get("data") or {} if event["type"] != "DELETED" else {})
        return 0.1

    def _renew(self) -> float:
        self._show(self._certificates.current())
        return RENEW_SECONDS

    def _trust(self, data: dict[str, str]) -> None:
        """Raises Invalid, having trusted nobody, when the configuration is none."""
        try:
            config = requestheader.configured(data)
        except Invalid:
            with self._lock:
                self._config = self._door = None
            raise
        with self._lock:
            if config != self._config:
                self._config = config
                self._open()
            self._problems.pop(CA, None)

    def _show(self, material: Material) -> None:
        with self._lock:
            if material != self._material:
                self._material = material
                self._open()
            self._problems.pop(CERTIFICATE, None)

    def _open(self) -> None:
        self._door = None
        if self._config and self._material:
            self._door = Door(context(self._material, self._config.ca), self._config)


def context(material: Material, ca: str) -> ssl.SSLContext:
    """Shows the certificate; asks for a client certificate, and takes none that another CA signed. Raises Invalid."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_mode = ssl.CERT_OPTIONAL
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # any certificate named is trusted, as Kubernetes has it
    try:
        made.load_verify_locations(cadata=ca)
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # OpenSSL takes it from a file only; it is private and gone at once
            file.write(f"{material.serving.certificate}\n{material.serving.key}\n")
            file.flush()
            made.load_cert_chain(file.name)
    except (ssl.SSLError, ValueError) as error:
        raise Invalid(f"the certificates can't be used: {error}", where=f"ConfigMap {NAMESPACE}/{CONFIGMAP}") from None
    return made
