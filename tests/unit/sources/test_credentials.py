"""Credentials from Secrets, and who may see them."""

from __future__ import annotations

import base64

import pytest
import trustme

from extension.objects.base import ObjectMeta
from extension.objects.errors import Invalid
from extension.objects.kinds import Secret
from extension.sources.credentials import (
    BasicAuth,
    GitHubApp,
    HelmAccess,
    HelmCredentials,
    SSHKey,
    git_credentials,
    helm_credentials,
    helm_credentials_by_path,
)

CANARY = "canary-password"


def secret(type_: str = "Opaque", **data: str | bytes) -> Secret:
    made = {key: value if isinstance(value, bytes) else value.encode() for key, value in data.items()}
    return Secret(metadata=ObjectMeta(name="s", namespace="ns"), type=type_, data=made)


@pytest.mark.parametrize(
    ("given", "credentials"),
    [
        (secret("kubernetes.io/basic-auth", username="bob", password=CANARY), BasicAuth("bob", CANARY)),
        (secret("kubernetes.io/basic-auth", password=CANARY), BasicAuth(CANARY, CANARY)),
        (secret("kubernetes.io/basic-auth", username="bob", password=f"{CANARY}\n"), BasicAuth("bob", CANARY)),
        (secret("kubernetes.io/ssh-auth", **{"ssh-privatekey": "KEY", "known_hosts": "h k"}), SSHKey(b"KEY\n", b"h k")),
        (
            secret(github_app_id="1", github_app_installation_id="2\n", github_app_private_key="PEM"),
            GitHubApp("1", "2", b"PEM"),
        ),
    ],
    ids=["basic", "token as password", "trailing newline", "ssh", "app"],
)
def test_a_git_secret_is_read_by_its_type(given: Secret, credentials: object) -> None:
    assert git_credentials(given) == credentials


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (secret("kubernetes.io/basic-auth"), "username and password are empty"),
        (secret("kubernetes.io/ssh-auth"), "has no ssh-privatekey"),
        (secret(github_app_id="1"), "has no github_app_installation_id"),
        (secret(github_app_id="x", github_app_installation_id="2", github_app_private_key="P"), "must be numbers"),
        (secret(username="bob", password=CANARY), "type Opaque holds no git credentials"),
        (secret("kubernetes.io/basic-auth", username=b"\xff", password=CANARY), "is not UTF-8"),
    ],
)
def test_a_malformed_git_secret_is_named_without_its_content(given: Secret, message: str) -> None:
    with pytest.raises(Invalid, match=f"Secret ns/s: .*{message}") as caught:
        git_credentials(given)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        BasicAuth("bob", CANARY),
        SSHKey(CANARY.encode()),
        GitHubApp("1", "2", CANARY.encode()),
        HelmCredentials(auth=BasicAuth("bob", CANARY)),
        HelmAccess(HelmCredentials(auth=BasicAuth("bob", CANARY)), {"a": HelmCredentials(auth=BasicAuth("x", CANARY))}),
        BasicAuth("bob", CANARY).bound("https://example.com"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_repr_shows_a_secret(value: object) -> None:
    encoded = base64.b64encode(f"bob:{CANARY}".encode()).decode()
    for shown in (repr(value), str(value), f"{[value]}"):
        assert CANARY not in shown
        assert encoded not in shown


def test_fingerprints_tell_credentials_apart_without_telling_them() -> None:
    one, other = BasicAuth("bob", CANARY), BasicAuth("bob", "else")
    assert one.fingerprint() == BasicAuth("bob", CANARY).fingerprint() != other.fingerprint()
    assert CANARY not in one.fingerprint()


def test_a_helm_secret_has_all_its_keys_read() -> None:
    pem = trustme.CA().cert_pem.bytes()
    made = helm_credentials(
        secret(username="bob", password=CANARY, cacerts=pem, insecureSkipVerify="true", basicHTTP="true", **{"ssh-privatekey": "K"})
    )
    assert made == HelmCredentials(BasicAuth("bob", CANARY), SSHKey(b"K"), pem.strip(), True, True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (secret(username="bob"), "password is missing"),
        (secret(password=CANARY), "username is missing"),
        (secret(cacerts=CANARY), "holds no PEM certificate"),
    ],
)
def test_a_malformed_helm_secret_is_named_without_its_content(given: Secret, message: str) -> None:
    with pytest.raises(Invalid, match=message) as caught:
        helm_credentials(given)
    assert CANARY not in str(caught.value)


PATHS = f"""
app/one: {{username: one, password: {CANARY}, insecureSkipVerify: true}}
app/*: {{username: star, password: x, sshPrivateKey: {base64.b64encode(b"KEY").decode()}, sshKnownHosts: {base64.b64encode(b"h").decode()}}}
app/?ne: {{username: never, password: x}}
b/[a-c]: {{username: range, password: x, basicHTTP: true}}
"""


@pytest.mark.parametrize(
    ("path", "username"),
    [("app/one", "one"), ("app/two", "star"), ("b/b", "range"), ("app/two/three", ""), ("other", ""), ("b/d", "")],
)
def test_the_exact_path_wins_then_the_first_glob(path: str, username: str) -> None:
    by_path = helm_credentials_by_path(secret(**{"secrets-path.yaml": PATHS}))
    found = HelmAccess(by_path=by_path, any_url=True).at(path).to("https://x", "")
    assert (found.auth.username if found.auth else "") == username


def test_a_paths_entry_has_all_its_keys_read() -> None:
    by_path = helm_credentials_by_path(secret(**{"secrets-path.yaml": PATHS}))
    assert by_path["app/*"].ssh == SSHKey(b"KEY", b"h")
    assert (by_path["app/one"].insecure_skip_verify, by_path["b/[a-c]"].basic_http) == (True, True)


@pytest.mark.parametrize("text", ["", "- a", "a: b", f"a: [{CANARY}", f"a: {{username: {CANARY}}}", "a: {sshPrivateKey: '%%%='}"])
def test_a_malformed_paths_secret_is_invalid_and_its_content_stays_hidden(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        helm_credentials_by_path(secret(**{"secrets-path.yaml": text}))
    assert CANARY not in str(caught.value)
    assert "Secret ns/s" in str(caught.value)


@pytest.mark.parametrize(
    ("regex", "repo", "chart", "seen"),
    [
        ("", "https://charts.example.com", "web", False),
        ("https://charts\\.example\\.com", "https://charts.example.com/x", "web", True),
        ("charts", "https://charts.example.com", "web", False),
        (".*", "", "oci://registry/x", True),
        ("a|https://other", "https://other/x", "", True),
        ("a|b", "https://other/a", "", False),
        ("oci://", "https://x", "oci://y", False),
    ],
)
def test_credentials_are_for_urls_the_regex_matches_from_the_start(regex: str, repo: str, chart: str, seen: bool) -> None:
    access = HelmAccess(HelmCredentials(auth=BasicAuth("bob", CANARY), ca_bundle=b"CA", insecure_skip_verify=True), url_regex=regex)
    found = access.to(repo, chart)
    assert (found.auth is not None, found.insecure_skip_verify) == (seen, seen)
    assert found.ca_bundle == b"CA"
    assert access.stripped(repo, chart) == (not regex)


def test_a_regex_that_would_take_for_ever_elsewhere_is_answered_at_once() -> None:
    assert HelmAccess(HelmCredentials(auth=BasicAuth("b", "p")), url_regex="(a+)+$").to("a" * 5000 + "!", "").auth is None
