"""Proxies, reach, trust and polling: the decisions without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.errors import Forbidden, Invalid
from extension.settings import Settings
from extension.sources.build import additional_ca
from extension.sources.network import Network
from extension.sources.polling import fraction, jitter
from extension.sources.proxy import Proxies
from extension.sources.reach import Reach
from extension.sources.trust import CAStore

ENVIRON = {
    "HTTP_PROXY": "http://h:1",
    "HTTPS_PROXY": "https://s:2",
    "NO_PROXY": "10.0.0.0/8, .internal,example.com,exact.org:8443,[2001:db8::1]:443",
}


@pytest.mark.parametrize(
    ("scheme", "host", "port", "proxy"),
    [
        ("http", "github.com", 80, "http://h:1"),
        ("https", "github.com", 443, "https://s:2"),
        ("ssh", "github.com", 22, "https://s:2"),
        ("git", "github.com", 9418, "https://s:2"),
        ("https", "localhost", 443, ""),
        ("https", "127.0.0.9", 443, ""),
        ("https", "::1", 443, ""),
        ("https", "10.1.2.3", 443, ""),
        ("https", "11.1.2.3", 443, "https://s:2"),
        ("https", "git.internal", 443, ""),
        ("https", "internal", 443, "https://s:2"),
        ("https", "example.com", 443, ""),
        ("https", "a.example.com", 443, ""),
        ("https", "EXAMPLE.com.", 443, ""),
        ("https", "notexample.com", 443, "https://s:2"),
        ("https", "exact.org", 8443, ""),
        ("https", "exact.org", 443, "https://s:2"),
        ("https", "2001:db8::1", 443, ""),
    ],
)
def test_the_environment_decides_which_proxy_is_used(scheme: str, host: str, port: int, proxy: str) -> None:
    assert Proxies.of(ENVIRON).between(scheme, host, port) == proxy


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, ""),
        ({"https_proxy": "proxy:3128"}, "http://proxy:3128"),
        ({"ALL_PROXY": "http://all:1"}, "http://all:1"),
        ({"HTTPS_PROXY": "http://s:1", "NO_PROXY": "*"}, ""),
    ],
)
def test_lower_case_names_and_short_forms_count(environ: dict[str, str], proxy: str) -> None:
    assert Proxies.of(environ).between("https", "github.com", 443) == proxy


@pytest.mark.parametrize("url", ["socks5://u:canary@p:1", "http://", "http://u:canary@h:99999", "ftp://x"])
def test_what_is_no_http_proxy_is_refused_by_its_variable(url: str) -> None:
    with pytest.raises(Invalid, match=r"HTTPS_PROXY: .*is not the URL of an HTTP proxy") as caught:
        Proxies.of({"HTTPS_PROXY": url})
    assert "canary" not in str(caught.value)


def test_proxies_are_shown_without_their_login() -> None:
    assert "canary" not in repr(Proxies.of({"HTTP_PROXY": "http://me:canary@h:1", "ALL_PROXY": "http://me:canary@h:1"}))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "100.100.100.200",
        "fd00:ec2::254",
        "224.0.0.1",
    ],
)
def test_link_local_and_metadata_addresses_are_refused_always(address: str) -> None:
    with pytest.raises(Forbidden):
        Reach().check_address(address, "x")


@pytest.mark.parametrize(
    "name", ["metadata.google.internal", "METADATA.google.internal.", "2852039166", "0xa9fea9fe", "169.254.43518", "[fe80::1]"]
)
def test_names_and_spellings_of_them_are_refused_too(name: str) -> None:
    with pytest.raises(Forbidden):
        Reach().check_name(name, "x")


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "loopback"),
        ("10.0.0.1", "private"),
        ("192.168.1.1", "private"),
        ("fd12::1", "private"),
    ],
)
def test_loopback_and_private_addresses_are_allowed_unless_switched_off(address: str, kind: str) -> None:
    Reach().check_address(address, "x")
    Reach(**{"private" if kind == "loopback" else "loopback": False}).check_address(address, "x")
    with pytest.raises(Forbidden):
        Reach(**{kind: False}).check_address(address, "x")


def test_a_public_address_is_always_allowed() -> None:
    Reach(private=False, loopback=False).check_address("140.82.121.4", "x")
    Reach(private=False, loopback=False).check_name("github.com", "x")


def test_a_ca_bundle_adds_to_the_systems_certificates(tmp_path: Path) -> None:
    own, proxy = (trustme.CA().cert_pem.bytes().strip() for _ in range(2))
    system = tmp_path / "system.pem"
    system.write_bytes(trustme.CA().cert_pem.bytes())
    ca = Network.of({"SSL_CERT_FILE": str(system), "PROXY_CA_BUNDLE": proxy.decode()}, tmp_path / "ca").ca
    whole = Path(ca.file(own)).read_bytes()
    assert all(part in whole for part in (own, proxy, system.read_bytes().strip()))
    assert ca.file(own) == ca.file(own)
    assert proxy in Path(ca.file()).read_bytes()


def test_without_any_ca_of_ours_the_systems_file_is_used_as_it_is(tmp_path: Path) -> None:
    system = tmp_path / "system.pem"
    system.write_bytes(b"")
    assert CAStore(tmp_path / "ca", environ={"SSL_CERT_FILE": str(system)}).file() == str(system)
    assert not (tmp_path / "ca").exists()


@given(st.text(max_size=40), st.floats(0, 1e6))
def test_jitter_is_up_to_a_tenth_and_always_the_same(key: str, interval: float) -> None:
    assert interval <= jitter(interval, key) <= interval * 1.1 + 1e-9
    assert jitter(interval, key) == jitter(interval, key)


def test_jitter_spreads_evenly() -> None:
    tenths = [0] * 10
    for number in range(10_000):
        tenths[int(fraction(f"repo-{number}") * 10)] += 1
    assert 800 < min(tenths) <= max(tenths) < 1200


def test_an_additional_ca_is_certificates_or_is_refused_by_its_file(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    settings = Settings(state_dir=tmp_path, additional_ca=str(file))
    assert additional_ca(Settings(state_dir=tmp_path)) == b""
    with pytest.raises(Invalid, match=r"^--additional-ca: .*ca\.crt can't be read"):
        additional_ca(settings)
    file.write_text("no certificate")
    with pytest.raises(Invalid, match="holds no PEM certificate"):
        additional_ca(settings)
    pem = trustme.CA().cert_pem.bytes()
    file.write_bytes(pem)
    assert additional_ca(settings) == pem
