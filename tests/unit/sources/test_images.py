"""What an image's name, a policy and a docker configuration mean."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from extension.objects.base import ObjectMeta
from extension.objects.errors import Invalid, Unavailable
from extension.objects.imagescan import AlphabeticalPolicy, ImagePolicy, SemVerPolicy
from extension.objects.kinds import Secret
from extension.sources.credentials import BasicAuth
from extension.sources.images import chosen, login, split

CANARY = "canary-9f2c"


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("redis", ("index.docker.io", "library/redis")),
        ("docker.io/redis:7", ("index.docker.io", "library/redis")),
        ("org/app:1.0", ("index.docker.io", "org/app")),
        ("localhost/app", ("localhost", "app")),
        ("localhost:5000/app:1.0", ("localhost:5000", "app")),
        ("registry.example.org/a/b_c/d-e", ("registry.example.org", "a/b_c/d-e")),
        (f"registry:5000/app:1.0@sha256:{'a' * 64}", ("registry:5000", "app")),
        ("[::1]:5000/app", ("[::1]:5000", "app")),
    ],
)
def test_an_image_has_a_registry_and_a_path_as_docker_reads_it(image: str, found: tuple[str, str]) -> None:
    assert split(image) == found


@pytest.mark.parametrize(
    "image", ["", "UPPER/case", "host.example/", "a b", "user:pw@host.example/app", "http://host/app", "host.example/../x"]
)
def test_what_is_no_image_is_refused(image: str) -> None:
    with pytest.raises(Invalid, match="is not the name of an image"):
        split(image)


def test_a_password_in_an_image_is_not_repeated() -> None:
    with pytest.raises(Invalid) as caught:
        split(f"https://bob:{CANARY}@host.example/app")
    assert CANARY not in str(caught.value)


def semver(text: str) -> ImagePolicy:
    return ImagePolicy(semver=SemVerPolicy(text), alphabetical=AlphabeticalPolicy("asc"))


def alphabetical(order: str) -> ImagePolicy:
    return ImagePolicy(alphabetical=AlphabeticalPolicy(order))


TAGS = ["1.0.0", "latest", "v1.10.0", "1.9.0", "2.0.0-rc.1", "edge", "0.1"]


@pytest.mark.parametrize(
    ("policy", "tag"),
    [
        (ImagePolicy(), "v1.10.0"),
        (semver(""), "v1.10.0"),
        (semver("*"), "v1.10.0"),
        (semver("<1.10"), "1.9.0"),
        (semver(">=1.0.0-0"), "2.0.0-rc.1"),
        (semver("0.x || 1.0.x"), "1.0.0"),
        (alphabetical(""), "v1.10.0"),
        (alphabetical("desc"), "v1.10.0"),
        (alphabetical("DESC"), "v1.10.0"),
        (alphabetical("asc"), "0.1"),
    ],
)
def test_the_policy_chooses_a_tag(policy: ImagePolicy, tag: str) -> None:
    assert chosen(policy, TAGS, "app") == tag


def test_no_tag_that_satisfies_is_told_with_what_there_is() -> None:
    with pytest.raises(Unavailable, match=r"app: no tag satisfies 9\.x \(the last tags are .*edge, 0\.1"):
        chosen(semver("9.x"), TAGS, "app")
    with pytest.raises(Unavailable, match="app: has no tags"):
        chosen(ImagePolicy(), [], "app")
    with pytest.raises(Invalid) as caught:
        chosen(semver("one or two"), TAGS, "app")
    assert caught.value.field == "spec.policy.semver.range"


def configured(auths: Any, type_: str = "kubernetes.io/dockerconfigjson") -> Secret:
    data = {".dockerconfigjson": auths if isinstance(auths, bytes) else json.dumps({"auths": auths}).encode()}
    return Secret(metadata=ObjectMeta(name="reg", namespace="ws"), type=type_, data=data)


PAIR = {"username": "bob", "password": CANARY}
ENCODED = {"auth": base64.b64encode(f"bob:{CANARY}".encode()).decode()}


@pytest.mark.parametrize("entry", [PAIR, ENCODED, {"username": "bob", **ENCODED}])
@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("registry.example.org", "registry.example.org"),
        ("registry.example.org:5000", "registry.example.org:5000"),
        ("https://registry.example.org/v2/", "registry.example.org"),
        ("https://index.docker.io/v1/", "index.docker.io"),
        ("docker.io", "index.docker.io"),
    ],
)
def test_a_docker_configuration_has_a_login_for_the_registry_it_names(entry: dict[str, str], key: str, host: str) -> None:
    assert login(configured({"other.example.org": {"username": "eve", "password": "x"}, key: entry}), host) == BasicAuth("bob", CANARY)


@pytest.mark.parametrize("host", ["example.org", "evil.registry.example.org", "registry.example.org:5000"])
def test_a_login_is_for_no_other_registry(host: str) -> None:
    with pytest.raises(Invalid, match=f"Secret ws/reg: the secret has no login for {host}"):
        login(configured({"registry.example.org": PAIR}), host)


def test_an_entry_without_a_login_means_nobody() -> None:
    assert login(configured({"registry.example.org": {"email": "bob@example.org"}}), "registry.example.org") is None


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (configured({}, "Opaque"), "a secret of type Opaque holds no login"),
        (configured(f"not JSON {CANARY}".encode()), "is not a docker configuration"),
        (configured(b"[]"), "is not a docker configuration"),
        (configured([]), "is not a docker configuration"),
        (configured({"h.example": CANARY}), "has no login for h.example"),
        (configured({"h.example": {"auth": CANARY}}), "is not user:password in base64"),
        (configured({"h.example": {"auth": base64.b64encode(CANARY.encode()).decode()}}), "is not user:password in base64"),
        (configured({"h.example": {"identitytoken": CANARY}}), "is a token of a docker client"),
        (Secret(metadata=ObjectMeta(name="reg", namespace="ws"), type="kubernetes.io/dockerconfigjson"), "is not a docker configuration"),
    ],
)
def test_a_secret_that_is_none_says_what_is_wrong_and_not_what_is_in_it(secret: Secret, told: str) -> None:
    with pytest.raises(Invalid, match=told) as caught:
        login(secret, "h.example")
    assert CANARY not in f"{caught.value} {caught.value!r}"
