"""Whom the service believes: forged headers, certificates, CSRF, tokens that end, a Rancher that is away; and that no
credential is ever written down."""

from __future__ import annotations

import http.client
import itertools
import ssl
from contextlib import closing
from typing import Any

import pytest
import requests
import trustme

from extension.delivery.client import ApiError
from extension.objects.errors import Forbidden
from extension.rancher.group import MOUNT
from extension.rancher.identity import Identity
from extension.rancher.impersonating import headers
from tests.integration.kube import cluster, front_proxy
from tests.integration.rancher import rights
from tests.integration.rancher.conftest import CSRF, DOORS, SECRET, UNVERIFIED, Inside, proxy_path
from tests.integration.rancher.standin import EVERYBODY, LOCAL, User
from tests.integration.service.running import wait_for

pytestmark = [UNVERIFIED, pytest.mark.xdist_group("rancher")]
URL = "/v1/fleet.cattle.io.gitrepos"
CONFIGMAP = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
BROWSERS = [door for door in DOORS if "session" in door]


@pytest.fixture(scope="module")
def first_ca(inside: Inside) -> trustme.CA:
    return front_proxy.authority(inside.folder)


def tls(inside: Inside, leaf: trustme.LeafCert | None) -> http.client.HTTPSConnection:
    """A connection to the TLS port that shows a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if leaf:
        leaf.configure_cert(context)
    host, _, port = inside.service.line("tls url: https://").rpartition(":")
    return http.client.HTTPSConnection(host, int(port), context=context, timeout=30)


def ask(connection: http.client.HTTPSConnection, *headers: tuple[str, str], path: str = f"{MOUNT}{URL}") -> tuple[int, str]:
    """Status and body; the connection stays open for another request. Closed when none comes about."""
    try:
        connection.putrequest("GET", path)
        for name, value in (("Accept", "application/json"), *headers):
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        connection.close()
        raise


def ask_once(connection: http.client.HTTPSConnection, *headers: tuple[str, str], path: str = f"{MOUNT}{URL}") -> tuple[int, str]:
    with closing(connection):
        return ask(connection, *headers, path=path)


ADMIN = (("X-Remote-User", "u-administrator"), ("X-Remote-Group", "system:masters"))


def test_forged_headers_are_nobody_s_word(inside: Inside, first_ca: trustme.CA) -> None:
    assert ask_once(tls(inside, None), *ADMIN)[0] == 401, "no certificate"
    assert ask_once(tls(inside, first_ca.issue_cert(common_name="kubelet")), *ADMIN)[0] == 401, "a name that is not allowed"
    for door in DOORS:
        answer = inside.call(door, "stranger", "GET", URL, headers={"X-Remote-User": "u-administrator", "X-Remote-Group": "system:masters"})
        assert (answer.status_code, answer.json()["data"]) == (200, []), door
    forged = {**dict(ADMIN), "Impersonate-User": "u-administrator", "X_Remote_User": "u-administrator"}
    assert inside.call("direct, token", "disabled", "GET", URL, headers=forged).status_code == 401


def test_a_certificate_of_another_ca_gets_no_connection(inside: Inside) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask_once(tls(inside, trustme.CA().issue_cert(common_name=front_proxy.NAME)), *ADMIN)


def test_the_api_server_s_certificate_without_a_user_is_nobody(inside: Inside, first_ca: trustme.CA) -> None:
    leaf = first_ca.issue_cert(common_name=front_proxy.NAME)
    session = ("Cookie", f"R_SESS={inside.credential('administrator')}")
    code, body = ask_once(tls(inside, leaf), ("X-Remote-Group", "system:masters"), session)
    assert code == 401 and '"kind":"Status"' in body
    assert ask_once(tls(inside, leaf), ("X-Remote-User", "system:anonymous"), ("X-Remote-Group", "system:unauthenticated"))[0] == 401


def test_a_group_with_commas_is_one_group(inside: Inside, first_ca: trustme.CA) -> None:
    """As LDAP's are: joined by commas, the two groups would be six, and none of them the one that has the role."""
    group = "cn=readers,ou=teams,dc=example"
    binding = rights.bind(inside.kubernetes, "fleetworkspace-readonly", "Group", group, "team-b")
    leaf = first_ca.issue_cert(common_name=front_proxy.NAME)
    sent = [("X-Remote-User", "u-ldap"), ("X-Remote-Group", "cn=a,ou=b"), ("X-Remote-Group", group)]
    assert wait_for(lambda: ask_once(tls(inside, leaf), *sent, path=f"{MOUNT}/v1/schemas/fleet.cattle.io.gitrepo")[0] == 200, "the role")
    parts = [("X-Remote-User", "u-ldap"), *(("X-Remote-Group", part) for part in group.split(","))]
    assert ask_once(tls(inside, leaf), *parts, path=f"{MOUNT}/v1/schemas/fleet.cattle.io.gitrepo")[0] == 404
    inside.rancher.tokens[f"token-ldap:{SECRET}"] = User("u-ldap", ("cn=a,ou=b", group))
    for url in (f"{inside.rancher.url}{LOCAL}{MOUNT}", inside.address):
        options: dict[str, Any] = {"headers": {"Authorization": f"Bearer token-ldap:{SECRET}"}, "verify": False, "timeout": 30}
        assert status(f"{url}/v1/schemas/fleet.cattle.io.gitrepo", **options) == 200, url
    inside.kubernetes.request("DELETE", binding)


def status(url: str, **options: Any) -> int:
    return requests.get(url, **options).status_code


def test_by_the_service_proxy_a_token_arrives_as_nobody(inside: Inside) -> None:
    """Rancher and Kubernetes both take it away; nothing is done with the service's own rights instead."""
    headers = {"Authorization": f"Bearer {inside.credential('administrator')}"}
    assert status(f"{inside.rancher.url}{proxy_path(inside)}{URL}", headers=headers, verify=False, timeout=30) == 401


@pytest.mark.parametrize(
    ("door", "case"), list(itertools.product(BROWSERS, ["none", "no header", "no cookie", "mismatch", "_method", "equal", "read"]))
)
def test_csrf(inside: Inside, door: str, case: str) -> None:
    session = {"R_SESS": inside.credential("administrator")}
    cookies = session if case in ("none", "no cookie", "read") else session | {"CSRF": CSRF}
    header = {"none": "", "no header": "", "mismatch": "other", "_method": "", "read": ""}.get(case, CSRF)
    method, query = ("GET", "") if case in ("read", "_method") else ("DELETE", "")
    query = "?_method=DELETE" if case == "_method" else query
    answer = inside.call(door, "administrator", method, f"{URL}/nowhere/nothing{query}", cookies=cookies, headers={"X-API-CSRF": header})
    if case in ("equal", "read", "_method"):
        assert answer.status_code == 404 if case != "_method" else answer.status_code in (404, 422), answer.text
        assert "CSRF" not in answer.text
    else:
        assert (answer.status_code, answer.json()["code"]) == (422, "InvalidCSRFToken"), answer.text


@pytest.mark.parametrize("door", BROWSERS)
def test_a_form_of_another_page_writes_nothing(inside: Inside, door: str) -> None:
    answer = inside.call(door, "administrator", "POST", URL, data="{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415, answer.text


def test_a_service_account_is_who_the_api_server_says(inside: Inside) -> None:
    """Rancher passes a token that it does not know on, so what Kubernetes knows of it is what counts."""
    core = "/api/v1/namespaces/team-a/serviceaccounts"
    inside.kubernetes.request("POST", core, {"metadata": {"name": "robot"}})
    made = inside.kubernetes.request("POST", f"{core}/robot/token", {"spec": {"expirationSeconds": 600}})
    rights.bind(inside.kubernetes, "fleetworkspace-member", "User", "system:serviceaccount:team-a:robot", "team-a")
    options: dict[str, Any] = {"headers": {"Authorization": f"Bearer {made['status']['token']}"}, "timeout": 30}
    wait_for(lambda: status(f"{inside.address}/v1/schemas/fleet.cattle.io.gitrepo", **options) == 200, "the service account's role")


def test_a_write_on_a_user_s_behalf_is_judged_as_theirs(inside: Inside) -> None:
    """By the API server itself, and so by admission and in its audit log, whatever this service's own account may do."""
    place, body = "/api/v1/namespaces/team-a/configmaps", {"metadata": {"generateName": "test-"}}

    def write(user: str, *groups: str) -> None:
        inside.kubernetes.sending(headers(Identity(user, groups=(*EVERYBODY, *groups)))).request("POST", place, body)

    write("u-administrator")
    with pytest.raises(ApiError, match='User "u-stranger" cannot create resource "configmaps"') as caught:
        write("u-stranger")
    assert caught.value.status_code == 403
    with pytest.raises(Forbidden):
        write("u-stranger", "system:masters")


def test_a_token_that_is_revoked_ends_within_its_time(inside: Inside) -> None:
    credential = f"token-short:{SECRET}"
    inside.rancher.tokens[credential] = User("u-short")
    options: dict[str, Any] = {"headers": {"Authorization": f"Bearer {credential}"}, "timeout": 30}
    assert status(f"{inside.address}{URL}", **options) == 200
    asked = inside.rancher.asked
    assert status(f"{inside.address}{URL}", **options) == 200
    assert inside.rancher.asked == asked, "it was asked for again within its time"
    del inside.rancher.tokens[credential]
    wait_for(lambda: status(f"{inside.address}{URL}", **options) == 401, "the token to end")


def test_an_identity_is_not_honoured_past_its_time_while_rancher_is_away(inside: Inside) -> None:
    assert inside.call("direct, token", "member", "GET", URL).status_code == 200
    inside.rancher.away = True
    try:
        wait_for(lambda: inside.call("direct, token", "member", "GET", URL).status_code == 503, "the identity to end")
        answer = inside.call("direct, token", "member", "GET", URL)
        assert answer.json()["code"] == "ClusterUnavailable" and "Rancher can't tell who is calling" in answer.json()["message"]
        assert inside.call("aggregated, kubectl", "member", "GET", URL).status_code == 200, "Kubernetes' word needs no Rancher"
    finally:
        inside.rancher.away = False
    wait_for(lambda: inside.call("direct, token", "member", "GET", URL).status_code == 200, "the identity to be back")


def test_the_ca_of_the_aggregation_layer_may_be_changed(inside: Inside, first_ca: trustme.CA) -> None:
    """Trusting both, showing the new one, trusting that alone: nobody notices, and then the old one is worth nothing, on a
    connection that was open all the time as little as on a new one."""
    second = trustme.CA()
    old = first_ca.issue_cert(common_name=front_proxy.NAME)
    front_proxy.trust(inside.folder, first_ca, second)
    wait_for(lambda: trusted(inside).count("BEGIN") == 2, "the API server to trust both")
    front_proxy.show(inside.folder, second)
    new = second.issue_cert(common_name=front_proxy.NAME)
    wait_for(lambda: is_let_in(inside, new), "the service to trust the new one")
    kept = tls(inside, old)
    assert ask(kept, *ADMIN)[0] == 200
    front_proxy.trust(inside.folder, second)
    wait_for(lambda: retire(inside, second) and not is_let_in(inside, old), "the service to trust the old one no more")
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(kept, *ADMIN)
    wait_for(lambda: inside.call("aggregated, token", "administrator", "GET", URL).status_code == 200, "the API server to come in again")
    assert inside.service.ready()


def retire(inside: Inside, ca: trustme.CA) -> bool:
    """Takes all others out of the ConfigMap, into which the API server puts its own again but from which it takes none."""
    body = {"data": {"requestheader-client-ca-file": ca.cert_pem.bytes().decode()}}
    inside.kubernetes.request("PATCH", CONFIGMAP, body, content_type="application/merge-patch+json")
    return True


def trusted(inside: Inside) -> str:
    return str(inside.kubernetes.request("GET", CONFIGMAP)["data"]["requestheader-client-ca-file"])


def is_let_in(inside: Inside, leaf: trustme.LeafCert) -> bool:
    try:
        return ask_once(tls(inside, leaf), *ADMIN)[0] == 200
    except (http.client.HTTPException, OSError):
        return False


def test_no_credential_is_in_the_log_or_the_metrics(inside: Inside) -> None:
    """Last of all: what the tests before sent, and an attempt of each kind that goes wrong."""
    for door in DOORS:
        inside.call(door, "stranger", "POST", URL, json={"metadata": {"name": "x", "namespace": "team-a"}, "spec": {"repo": "https://x/y"}})
    inside.call("direct, token", "member", "GET", "/v1/nothing")
    metrics = inside.call("direct, token", "administrator", "GET", "/metrics")
    assert metrics.status_code == 200
    for text in (inside.service.log.read_text(), metrics.text):
        assert SECRET not in text and CSRF not in text
        assert cluster.TOKEN not in text and inside.token not in text and "PRIVATE KEY" not in text
    assert '"caller":"u-stranger"' in inside.service.log.read_text()
