"""Repository URLs: what is taken, what is refused, what is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.errors import Invalid
from extension.sources.remote import parse, redact


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://Example.com/org/app", "https://example.com/org/app"),
        ("https://example.com:443/org/app/", "https://example.com/org/app"),
        ("https://example.com:8443/org/app", "https://example.com:8443/org/app"),
        ("https://bob:pw@example.com/org/app", "https://example.com/org/app"),
        ("http://10.0.0.1:3000/a.git", "http://10.0.0.1:3000/a.git"),
        ("https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443/a"),
        ("ssh://git@example.com:22/org/app", "ssh://git@example.com/org/app"),
        ("ssh://git@example.com:2222/org/app", "ssh://git@example.com:2222/org/app"),
        ("git@example.com:org/app.git", "ssh://git@example.com/~/org/app.git"),
        ("git@example.com:/org/app.git", "ssh://git@example.com/org/app.git"),
        ("example.com:org/app", "ssh://example.com/~/org/app"),
        ("git://example.com/app", "git://example.com/app"),
        ("https://dev.azure.com/org/my%20project/_git/app", "https://dev.azure.com/org/my%20project/_git/app"),
    ],
)
def test_spellings_of_one_repository_have_one_key(url: str, key: str) -> None:
    assert parse(url).key == key


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-oProxyCommand=touch x",
        "--upload-pack=touch x",
        "ext::sh -c touch% x",
        "fd::17",
        "file:///etc",
        "/etc/repo",
        "./repo",
        "../repo",
        "repo",
        "ftp://example.com/x",
        "https://",
        "https:///x",
        "https://example.com",
        "https://example.com/",
        "ssh://-oProxyCommand=x/path",
        "ssh://-l@example.com/x",
        "-host:path",
        "git@-host:path",
        "git@host:-path",
        "ssh://git@host/-x",
        "https://example.com/a b",
        "https://example.com/a\nb",
        "https://example.com/a#b",
        "https://example.com:99999/a",
        "https://exa_mple.com$(id)/a",
        "git@ho$t:path",
        "ext::https://example.com/a",
        "https::https://example.com/a",
    ],
)
def test_what_is_no_plain_repository_url_is_invalid(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(url)
    assert caught.value.field == "spec.repo"
    assert caught.value.hint


def test_a_folder_on_disk_is_taken_only_when_allowed() -> None:
    assert parse("file:///srv/git/app", allow_file=True).url == "/srv/git/app"
    assert parse("/srv/git/app", allow_file=True).key == "file:///srv/git/app"


def test_a_password_in_a_url_is_kept_apart_and_never_shown() -> None:
    remote = parse("https://bob:can%40ary@example.com/org/app")
    assert (remote.user, remote.password) == ("bob", "can@ary")
    for shown in (str(remote), repr(remote), remote.url, remote.key):
        assert "canary" not in shown.replace("@", "")
        assert "bob" not in shown


@given(st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="/?#@'\""), min_size=1))
def test_redacting_removes_every_password(password: str) -> None:
    text = f"fatal: unable to access 'https://user:{password}@example.com/x': refused"
    assert redact(text) == "fatal: unable to access 'https://example.com/x': refused"


@given(st.text(max_size=60))
def test_parsing_any_text_gives_a_remote_or_invalid(text: str) -> None:
    try:
        remote = parse(text)
    except Invalid:
        return
    assert not remote.url.startswith("-")
    assert remote.scheme in ("https", "http", "ssh", "git")
