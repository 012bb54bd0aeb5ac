"""The serving certificate: what it says, and when it is made anew."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from extension.rancher.certificates import AUTHORITY, SERVING, Material, Pair, names_of, renewed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = names_of("cd", "cattle")
DAY = timedelta(days=1)


def read(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def is_verified(material: Material, bundle: str, at: datetime) -> bool:
    roots = x509.verification.Store(x509.load_pem_x509_certificates(bundle.encode()))
    verifier = x509.verification.PolicyBuilder().store(roots).time(at).build_server_verifier(x509.DNSName(NAMES[0]))
    try:
        verifier.verify(read(material.serving.certificate), [])
    except x509.verification.VerificationError:
        return False
    return True


@pytest.fixture(scope="module")
def first() -> Material:
    return renewed(None, NAMES, NOW)


def test_it_is_the_service_s_and_signed_by_the_bundle(first: Material) -> None:
    certificate = read(first.serving.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    assert names == ["cd.cattle.svc", "cd.cattle.svc.cluster.local"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert read(first.authority.certificate).extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    ssl.create_default_context(cadata=first.bundle)


def test_what_is_good_stays_as_it_is(first: Material) -> None:
    assert renewed(first, NAMES, NOW + SERVING / 2) == first


def test_it_is_renewed_before_it_ends_under_the_same_authority(first: Material) -> None:
    later = NOW + SERVING * 2 / 3 + DAY
    second = renewed(first, NAMES, later)
    assert (second.authority, second.bundle) == (first.authority, first.bundle)
    assert read(second.serving.certificate).not_valid_after_utc == later + SERVING
    assert renewed(second, NAMES, later) == second


def test_a_new_authority_is_trusted_beside_the_one_before_until_that_ends(first: Material) -> None:
    later = NOW + AUTHORITY * 2 / 3 + DAY
    second = renewed(first, NAMES, later)
    assert second.authority != first.authority
    assert second.bundle == second.authority.certificate + first.authority.certificate
    assert renewed(second, NAMES, later) == second
    third = renewed(second, NAMES, later + AUTHORITY * 2 / 3 + DAY)
    assert third.bundle == third.authority.certificate + second.authority.certificate


def test_no_certificate_outlives_its_authority(first: Material) -> None:
    old = msgspec.structs.replace(first, serving=Pair("", ""))
    made = renewed(old, NAMES, NOW + AUTHORITY / 2)
    assert read(made.serving.certificate).not_valid_after_utc <= read(made.authority.certificate).not_valid_after_utc


def test_another_service_gets_another_certificate_of_the_same_authority(first: Material) -> None:
    other = renewed(first, names_of("other", "cattle"), NOW)
    assert other.authority == first.authority and other.serving != first.serving


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda m: msgspec.structs.replace(m, authority=Pair("x", "y")), id="no authority"),
        pytest.param(lambda m: msgspec.structs.replace(m, serving=Pair("x", "y")), id="no certificate"),
        pytest.param(lambda m: msgspec.structs.replace(m, serving=Pair(m.serving.certificate, m.authority.key)), id="another's key"),
        pytest.param(lambda m: msgspec.structs.replace(m, serving=m.authority), id="the authority itself"),
    ],
)
def test_what_can_not_be_used_is_made_anew(first: Material, change: object) -> None:
    made = renewed(change(first), NAMES, NOW)  # type: ignore[operator]
    assert is_verified(made, made.bundle, NOW)


def test_no_key_is_ever_shown(first: Material) -> None:
    assert "PRIVATE" not in repr(first) and "PRIVATE" not in repr(first.serving)
