"""Writes on a user's behalf: never as those above all others."""

from __future__ import annotations

import pytest

from extension.objects.errors import Forbidden
from extension.rancher.identity import Identity
from extension.rancher.impersonating import headers


def test_every_group_is_a_header_of_its_own_and_keys_of_extras_are_encoded() -> None:
    who = Identity("u-abc", "7", ("cn=team,ou=x", "system:authenticated", "system:cattle:authenticated"), (("a/B", ("1", "2")),))
    assert headers(who) == [
        ("Impersonate-User", "u-abc"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "cn=team,ou=x"),
        ("Impersonate-Group", "system:cattle:authenticated"),
        ("Impersonate-Extra-a%2FB", "1"),
        ("Impersonate-Extra-a%2FB", "2"),
    ]


@pytest.mark.parametrize(
    "who",
    [
        pytest.param(Identity("system:admin"), id="a user of the system"),
        pytest.param(Identity("system:serviceaccount:kube-system:default"), id="a service account"),
        pytest.param(Identity("system:kube-controller-manager"), id="a controller"),
        pytest.param(Identity("u-abc", groups=("system:masters",)), id="a user above all rules"),
        pytest.param(Identity("u-abc", groups=("team", "system:masters", "system:authenticated")), id="among other groups"),
    ],
)
def test_nothing_is_written_as_those_above(who: Identity) -> None:
    with pytest.raises(Forbidden, match="nothing is written on behalf of"):
        headers(who)


def test_a_name_of_any_script_can_be_sent_and_arrives_as_utf_8() -> None:
    assert dict(headers(Identity("Jörg")))["Impersonate-User"].encode("latin-1").decode() == "Jörg"
