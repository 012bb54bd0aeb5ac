"""What of a kubeconfig a service uses, and what it refuses."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from extension.delivery.kubeconfig import Endpoint, in_cluster, inlined, read
from extension.objects.errors import Invalid

SERVER = "https://api.example.org:6443"


def b64(text):
    return base64.b64encode(text.encode()).decode()


def config(cluster=None, user=None, **more):
    found = {
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": SERVER, **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "other", "context": {}}, {"name": "c", "context": {"cluster": "k", "user": "u"}}],
    }
    return json.dumps({**found, **more})


READ = [
    ("nothing", {}, {}, {}),
    ("a token", {}, {"token": "t"}, {"token": "t"}),
    ("a password", {}, {"username": "u", "password": "p"}, {"username": "u", "password": "p"}),
    (
        "a certificate",
        {},
        {"client-certificate-data": b64("CERT"), "client-key-data": b64("KEY")},
        {"certificate": "CERT", "key": "KEY"},
    ),
    ("a CA", {"certificate-authority-data": b64("CA")}, {}, {"ca": "CA"}),
    ("insecure", {"insecure-skip-tls-verify": True}, {}, {"insecure": True}),
    ("a proxy", {"proxy-url": "http://proxy:3128"}, {}, {"proxy": "http://proxy:3128"}),
    ("a server name", {"tls-server-name": "inside"}, {}, {"server_name": "inside"}),
    ("a slash at the end", {"server": SERVER + "/"}, {}, {}),
    ("plain http", {"server": "http://127.0.0.1:8080"}, {}, {"server": "http://127.0.0.1:8080"}),
    ("numbers as text", {}, {"username": 7, "password": 8}, {"username": "7", "password": "8"}),
]


@pytest.mark.parametrize(("cluster", "user", "found"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_the_current_context_is_read(cluster, user, found):
    assert read(config(cluster, user)) == Endpoint(**{"server": SERVER, **found})


@pytest.mark.parametrize("users", [None, []])
def test_a_context_without_a_user_is_anonymous(users):
    contexts = [{"name": "c", "context": {"cluster": "k"}}]
    assert read(config(contexts=contexts, users=users)) == Endpoint(server=SERVER)


REFUSED = [
    ("no YAML", "a: [", "line"),
    ("text", "hello", "no kubeconfig"),
    ("a list", "[1]", "no kubeconfig"),
    ("nothing", "", "no kubeconfig"),
    ("an unknown context", config(**{"current-context": "nobody"}), "contexts has no 'nobody'.*current-context"),
    ("no current context", config(**{"current-context": None}), "contexts has no ''.*current-context"),
    ("an unknown cluster", config(clusters=[]), "clusters has no 'k'.*context names this cluster"),
    ("an unknown user", config(users=None), "users has no 'u'.*context names this user"),
    ("contexts that are none", config(contexts=7), "contexts has no"),
    ("entries that are none", config(contexts=[7, "x", {"name": "c", "context": 7}]), "contexts has no"),
    ("a plugin", config(user={"exec": {"command": "aws"}}), "exec are refused.*use a token"),
    ("an old plugin", config(user={"auth-provider": {"name": "gcp"}}), "auth-provider are refused"),
    ("no server", config({"server": ""}), "http.s. URL"),
    ("another server", config({"server": "ftp://x"}), "http.s. URL"),
    ("a CA file", config({"certificate-authority": "/etc/passwd"}), "files of this machine"),
    ("a certificate file", config(user={"client-certificate": "c.pem"}), "files of this machine"),
    ("a key file", config(user={"client-key": "c.key"}), "files of this machine"),
    ("a token file", config(user={"tokenFile": "/var/run/token"}), "files of this machine"),
    ("no base64", config({"certificate-authority-data": "~"}), "certificate-authority-data is not base64"),
    ("no text", config(user={"client-key-data": base64.b64encode(b"\xff").decode()}), "client-key-data is not base64 of PEM"),
]


@pytest.mark.parametrize(("text", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_can_not_be_used_is_refused_with_its_place_and_reason(text, words):
    with pytest.raises(Invalid, match=words) as refused:
        read(text, "Secret ws/kube")
    assert refused.value.where.startswith("Secret ws/kube")


@pytest.fixture
def folder(tmp_path):
    for name in ("CA", "CERT", "KEY", "TOKEN"):
        (tmp_path / name.lower()).write_text(name)
    (tmp_path / "der").write_bytes(b"\xff\xfe")
    return tmp_path


FILES = config({"certificate-authority": "ca"}, {"client-certificate": "cert", "client-key": "key", "tokenFile": "token"})


def test_files_are_read_where_the_administrator_named_the_folder(folder):
    assert read(FILES, folder=folder) == Endpoint(SERVER, ca="CA", certificate="CERT", key="KEY", token_file=str(folder / "token"))


def test_data_comes_before_a_file_and_a_token_before_its_file(folder):
    text = config({"certificate-authority": "ca", "certificate-authority-data": b64("DATA")}, {"token": "t", "tokenFile": "token"})
    found = read(text, folder=folder)
    assert (found.ca, found.token, found.token_file) == ("DATA", "t", "")


@pytest.mark.parametrize("name", ["nowhere", "der"])
def test_a_file_that_can_not_be_read_is_named(folder, name):
    with pytest.raises(Invalid, match=name):
        read(config({"certificate-authority": name}), folder=folder)


@pytest.mark.parametrize("text", [FILES, *(config(row[1], row[2]) for row in READ)])
def test_a_kubeconfig_with_its_files_written_into_it_says_the_same_from_anywhere(folder, text):
    assert read(inlined(text, "kubeconfig", folder), folder=Path("/")) == read(text, folder=folder)


def test_the_file_of_a_token_stays_a_file_which_nobody_but_the_administrator_may_name(folder):
    text = inlined(FILES, "kubeconfig", folder)
    assert "TOKEN" not in text and str(folder / "token") in text
    with pytest.raises(Invalid, match="files of this machine"):
        read(text)


POD = {"KUBERNETES_SERVICE_HOST": "10.43.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path):
    (tmp_path / "token").write_text("TOKEN")
    (tmp_path / "ca.crt").write_text("CA")
    return tmp_path


@pytest.mark.parametrize(("host", "server"), [("10.43.0.1", "https://10.43.0.1:443"), ("fd00::1", "https://[fd00::1]:443")])
def test_a_pod_reaches_its_own_cluster_as_its_service_account(account, host, server):
    text = in_cluster(POD | {"KUBERNETES_SERVICE_HOST": host}, account)
    assert read(text, folder=Path("/")) == Endpoint(server, ca="CA", token_file=str(account / "token"))
    (account / "token").write_text("another")
    assert in_cluster(POD | {"KUBERNETES_SERVICE_HOST": host}, account) == text, "a new token is no other way to the cluster"


@pytest.mark.parametrize(
    ("environ", "gone", "words"),
    [
        ({}, "", "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set.*name the cluster with --kubeconfig"),
        ({"KUBERNETES_SERVICE_HOST": "h"}, "", "KUBERNETES_SERVICE_PORT are not set"),
        (POD, "token", "--service-account-dir: .*token can't be read"),
        (POD, "ca.crt", "--service-account-dir: .*ca.crt can't be read"),
    ],
    ids=["no pod", "no port", "no token", "no CA"],
)
def test_a_service_account_that_can_not_be_used_is_refused(account, environ, gone, words):
    if gone:
        (account / gone).unlink()
    with pytest.raises(Invalid, match=words):
        in_cluster(environ, account)


def test_an_endpoint_that_is_printed_tells_no_secret():
    endpoint = read(config(user={"token": "canary", "password": "canary", "client-key-data": b64("canary")}))
    assert "canary" not in repr(endpoint) and SERVER in repr(endpoint)
