"""Which URLs name the same repository."""

from __future__ import annotations

import pytest

from api.webhooks.addresses import identity

FLEET = "github.com/rancher/fleet"
AZURE = "dev.azure.com/octo/shop front/web"


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://github.com/rancher/fleet", FLEET),
        ("http://github.com/rancher/fleet", FLEET),
        ("https://github.com/rancher/fleet.git", FLEET),
        ("https://github.com/rancher/fleet/", FLEET),
        ("https://github.com/rancher/fleet.git/", FLEET),
        ("https://github.com:443/rancher/fleet", FLEET),
        ("https://GitHub.com/Rancher/Fleet", FLEET),
        ("https://user:pass@github.com/rancher/fleet", FLEET),
        ("git@github.com:rancher/fleet.git", FLEET),
        ("org-123@github.com:rancher/fleet", FLEET),
        ("github.com:rancher/fleet", FLEET),
        ("ssh://git@github.com/rancher/fleet.git", FLEET),
        ("ssh://git@github.com:2222/rancher/fleet.git", FLEET),
        ("ssh://git@ssh.github.com:443/rancher/fleet.git", FLEET),
        ("git@ssh.github.com:rancher/fleet.git", FLEET),
        ("git://github.com/rancher/fleet", FLEET),
        ("https://github.com/rancher/fleet-examples", "github.com/rancher/fleet-examples"),
        ("https://github.com/rancher/fleet/sub", "github.com/rancher/fleet/sub"),
        ("https://gitlab.com/a/b/c.git", "gitlab.com/a/b/c"),
        ("https://gitlab.com/v4/web", "gitlab.com/v4/web"),
        ("https://dev.azure.com/octo/Shop%20Front/_git/web", AZURE),
        ("https://octo@dev.azure.com/octo/Shop%20Front/_git/web", AZURE),
        ("git@ssh.dev.azure.com:v3/octo/Shop%20Front/web", AZURE),
        ("https://octo.visualstudio.com/Shop%20Front/_git/web", AZURE),
        ("https://octo.visualstudio.com/DefaultCollection/Shop%20Front/_git/web", AZURE),
        ("octo@vs-ssh.visualstudio.com:v3/octo/Shop%20Front/web", AZURE),
        ("https://[2001:db8::1]:8443/a/b", "2001:db8::1/a/b"),
        ("", ""),
        ("https://github.com", ""),
        ("https://github.com/", ""),
        ("https://github.com/.git", ""),
        ("https://github.com/a/b?x=1", ""),
        ("ext::sh -c true", ""),
        ("-oProxyCommand=x", ""),
        ("file:///srv/git/web.git", ""),
        ("/srv/git/web", ""),
        ("https://github.com/" + "a" * 3000, ""),
    ],
)
def test_a_url_names_its_repository_whatever_its_form(url: str, named: str) -> None:
    assert identity(url) == named


@pytest.mark.parametrize("url", ["file:///srv/Git/web.git", "file:///srv/Git/web", "/srv/Git/web", "/srv/Git/web/"])
def test_folders_of_this_machine_have_names_only_where_they_may_be_used(url: str) -> None:
    assert identity(url, allow_file=True) == "file:/srv/Git/web"
    assert identity(url) == ""


def test_a_host_that_holds_another_as_text_is_another() -> None:
    found = {identity(f"https://{host}/a/b") for host in ("github.com", "github.com.evil.org", "xgithub.com", "notssh.github.com")}
    assert len(found) == 4
