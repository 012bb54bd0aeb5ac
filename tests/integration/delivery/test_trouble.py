"""A cluster that refuses, is on its way out, or can't hold what it is given: what people are told, and that it goes on afterwards."""

from __future__ import annotations

import base64
import json
import random
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from extension.delivery.client import Client, Kind
from extension.delivery.helm_records import HelmRecords
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.protocol import Release
from extension.objects.errors import Invalid
from tests.integration.delivery.conftest import CONFIG_MAP, CONFIG_MAPS, NAMESPACES, Make, conditions, message, wait_for

pytestmark = pytest.mark.xdist_group("kube")

CRDS = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", False)
WEBHOOKS = Kind("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", False)
REFUSAL = "images must be signed"
MERGE = "application/merge-patch+json"


class _Refusing(BaseHTTPRequestHandler):
    """An admission webhook that denies everything."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"uid": review["request"]["uid"], "allowed": False, "status": {"code": 403, "message": REFUSAL}}
        data = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: object) -> None: ...


@contextmanager
def refusing(client: Client, namespace: str, *operations: str) -> Iterator[ThreadingHTTPServer]:
    """While this lasts a webhook denies these operations on the ConfigMaps of a namespace."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_address[1]}/"
    webhook = {
        "name": "deny.example.org",
        "clientConfig": {"url": url, "caBundle": base64.b64encode(ca.cert_pem.bytes()).decode()},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": list(operations)}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    body = {"apiVersion": WEBHOOKS.api_version, "kind": WEBHOOKS.kind, "metadata": {"name": namespace}, "webhooks": [webhook]}
    client.request("POST", WEBHOOKS.path(), body=body)
    try:
        wait_for(lambda: _refuses(client, namespace, operations[0]), "the webhook to be asked")
        yield server
    finally:
        client.delete(WEBHOOKS, "", namespace)
        wait_for(lambda: not _refuses(client, namespace, operations[0]), "the webhook to be asked no more")
        server.shutdown()
        server.server_close()


def _refuses(client: Client, namespace: str, operation: str) -> bool:
    probe = CONFIG_MAPS.path(namespace, "probe")
    how = {"CREATE": ("POST", CONFIG_MAPS.path(namespace)), "UPDATE": ("PUT", probe), "DELETE": ("DELETE", probe)}[operation]
    body = {"metadata": {"name": "probe" if operation != "CREATE" else "another"}, "data": {"at": str(random.random())}}
    if client.get(CONFIG_MAPS, namespace, "probe") is None and operation != "CREATE":
        client.request("POST", CONFIG_MAPS.path(namespace), body={"metadata": {"name": "probe"}})
    status, answer = client.exchange(*how, body=None if operation == "DELETE" else body, query={"dryRun": "All"})
    return status == 403 and REFUSAL.encode() in answer


def test_a_webhook_that_rejects_is_quoted_and_what_is_there_stays(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make())
    files = {f"{name}.yaml": CONFIG_MAP.format(name=name, value="two") for name in "ab"}
    with refusing(client, namespace, "CREATE", "UPDATE"):
        status = delivery.deploy(make(2, files, status))
        assert conditions(status)["Deployed"] == "False", "it is tried again"
        assert REFUSAL in message(status, "Deployed") and "deny.example.org" in message(status, "Deployed")
        assert (client.get(CONFIG_MAPS, namespace, "a") or {})["data"] == {"key": "one"}
    status = delivery.deploy(make(2, files, status))
    assert (conditions(status)["Deployed"], status.ready, status.non_modified) == ("True", True, True)


def test_a_webhook_that_lets_nothing_go_is_quoted_and_the_release_goes_when_it_does(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    delivery.deploy(make())
    gone = Release(f"bundle-{namespace}", namespace, f"bundle-{namespace}", "")
    with refusing(client, namespace, "DELETE"), pytest.raises(Invalid, match=REFUSAL):
        delivery.remove(gone)
    delivery.remove(gone)
    assert client.get(CONFIG_MAPS, namespace, "a") is None
    assert HelmRecords(client).revisions(namespace, gone.name) == []


def test_a_webhook_that_does_not_answer_is_the_deployments_error_and_the_cluster_is_there(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make())
    with refusing(client, namespace, "CREATE", "UPDATE") as server:
        server.server_close()
        status = delivery.deploy(make(2, {"a.yaml": CONFIG_MAP.format(name="a", value="two")}, status))
    assert conditions(status)["Deployed"] == "False"
    assert 'failed calling webhook "deny.example.org"' in message(status, "Deployed")


def test_a_namespace_that_is_stuck_on_its_way_out_is_told_and_deployed_to_once_it_is_gone(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    client.request("POST", NAMESPACES.path(), body={"metadata": {"name": namespace}})
    stuck = {"metadata": {"name": "stuck", "finalizers": ["example.org/never"]}}
    client.request("POST", CONFIG_MAPS.path(namespace), body=stuck)
    client.delete(NAMESPACES, "", namespace)
    wait_for(lambda: "deletionTimestamp" in (client.get(NAMESPACES, "", namespace) or {})["metadata"], "the deletion")
    status = delivery.deploy(make())
    assert conditions(status)["Deployed"] == "False", "it is tried again"
    assert f"namespace {namespace} because it is being terminated" in message(status, "Deployed")
    client.request("PATCH", CONFIG_MAPS.path(namespace, "stuck"), body={"metadata": {"finalizers": None}}, content_type=MERGE)
    wait_for(lambda: client.get(NAMESPACES, "", namespace) is None, "the namespace to go")
    assert delivery.deploy(make(status=status)).ready


@pytest.mark.parametrize(("maps", "said"), [("ab", "1048576"), ("abc", "3145728")], ids=["for a Secret", "for a request"])
def test_a_release_too_large_for_its_record_says_what_to_do_and_what_is_there_stays(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, maps: str, said: str
) -> None:
    status = delivery.deploy(make())
    noise = base64.b64encode(random.Random(1).randbytes(400_000)).decode()
    files = {f"{name}.yaml": CONFIG_MAP.format(name=name, value=noise) for name in maps}
    status = delivery.deploy(make(2, files, status))
    told = message(status, "Deployed")
    assert all(words in told for words in (f"release bundle-{namespace}: it is too large to be recorded", said, "split the bundle")), told
    assert noise[:40] not in str(status)
    assert (client.get(CONFIG_MAPS, namespace, "a") or {})["data"] == {"key": "one"}
    assert [(one.number, one.status) for one in HelmRecords(client).revisions(namespace, f"bundle-{namespace}")] == [(1, "deployed")]
    assert delivery.deploy(make(1, status=status)).ready


@pytest.mark.parametrize("goes", [False, True], ids=["upgraded", "removed"])
def test_a_release_with_objects_of_a_kind_that_is_gone_is_not_stuck(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, goes: bool
) -> None:
    group = f"{namespace}.example.org"
    names = {"kind": "Thing", "plural": "things"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    client.request("POST", CRDS.path(), body={"metadata": {"name": f"things.{group}"}, "spec": spec})
    thing = f"apiVersion: {group}/v1\nkind: Thing\nmetadata: {{name: t}}\n"
    wait_for(lambda: client.kind(f"{group}/v1", "Thing"), "the kind to be served")
    status = delivery.deploy(make(files={"a.yaml": CONFIG_MAP.format(name="a", value="one"), "t.yaml": thing}))
    assert status.ready, message(status, "Deployed")
    client.delete(CRDS, "", f"things.{group}")
    wait_for(lambda: client.exchange("GET", f"/apis/{group}/v1")[0] == 404, "the kind to be gone")
    if goes:
        delivery.remove(Release(f"bundle-{namespace}", namespace, f"bundle-{namespace}", ""))
        assert HelmRecords(client).revisions(namespace, f"bundle-{namespace}") == []
    else:
        status = delivery.deploy(make(2, {"a.yaml": CONFIG_MAP.format(name="a", value="two")}, status))
        assert (conditions(status)["Deployed"], status.ready) == ("True", True), message(status, "Deployed")
    assert (client.get(CONFIG_MAPS, namespace, "a") is None) == goes
