"""The certificate by which Kubernetes knows this service: an authority of our own, and what it signed (pure; PEM texts).

Everything is renewed when a third of its time is left. A new authority is trusted beside the one before until that one ends, so
that a replica which still shows an older certificate is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY = timedelta(days=3650)
SERVING = timedelta(days=365)
SKEW = timedelta(minutes=5)
"""Machines' clocks differ: a certificate is good from a little before it was made."""


class Pair(msgspec.Struct, frozen=True):
    certificate: str
    key: str

    def __repr__(self) -> str:
        return "Pair(...)"


class Material(msgspec.Struct, frozen=True):
    """All there is: `bundle` holds the authorities to trust, the newest first, whose key is in `authority`."""

    bundle: str
    authority: Pair
    serving: Pair

    def __repr__(self) -> str:
        return "Material(...)"


def names_of(service: str, namespace: str) -> tuple[str, ...]:
    """The names of a Service; Kubernetes asks for the first."""
    return (f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local")


def renewed(old: Material | None, names: Sequence[str], now: datetime) -> Material:
    """What is good now: `old` itself where nothing of it needs to be made anew. What can't be read is made anew too."""
    try:
        return _renewed(old, names, now)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return _renewed(None, names, now)


def _renewed(old: Material | None, names: Sequence[str], now: datetime) -> Material:
    if old is None or _is_due(_read(old.authority.certificate), now):
        authority = _authority(now)
        kept = [pem for pem in _split(old.bundle) if _read(pem).not_valid_after_utc > now] if old else []
        return Material("".join((authority.certificate, *kept)), authority, _serving(authority, names, now))
    serving = _read(old.serving.certificate)
    _key(old.serving)
    is_good = not _is_due(serving, now) and _names(serving) == set(names) and _is_signed(serving, _read(old.authority.certificate))
    return old if is_good else Material(old.bundle, old.authority, _serving(old.authority, names, now))


def _authority(now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"continuous-delivery-ca@{int(now.timestamp())}")])
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    builder = _builder(name, name, key, now, AUTHORITY).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return _pair(builder.add_extension(usage, critical=True), key, key)


def _serving(authority: Pair, names: Sequence[str], now: datetime) -> Pair:
    key, signer, signing = ec.generate_private_key(ec.SECP256R1()), _read(authority.certificate), _key(authority)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    builder = (
        _builder(subject, signer.subject, key, now, min(SERVING, signer.not_valid_after_utc - now))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    return _pair(builder, key, signing)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _pair(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey) -> Pair:
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = builder.sign(signer, hashes.SHA256())
    return Pair(made.public_bytes(serialization.Encoding.PEM).decode(), key.private_bytes(*plain).decode())


def _key(pair: Pair) -> ec.EllipticCurvePrivateKey:
    """Raises ValueError for a key that is not that of its certificate."""
    key = serialization.load_pem_private_key(pair.key.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != _read(pair.certificate).public_key():
        raise ValueError("the key is another's")
    return key


def _read(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def _is_due(certificate: x509.Certificate, now: datetime) -> bool:
    left, whole = certificate.not_valid_after_utc - now, certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return left < whole / 3


def _names(certificate: x509.Certificate) -> set[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return set(found.value.get_values_for_type(x509.DNSName))


def _is_signed(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _split(bundle: str) -> list[str]:
    end = "-----END CERTIFICATE-----\n"
    return [f"{part}{end}" for part in bundle.split(end) if part.strip()]
