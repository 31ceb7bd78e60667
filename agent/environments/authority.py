"""A certificate authority that lives as long as one gateway."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.models.clock import read_clock

_DAYS = dt.timedelta(days=2)


class Authority:
    """Vouches for any host, to those alone who are told to trust it."""

    def __init__(self, folder: Path) -> None:
        """Make its key; the hosts' own, which is one for all, is kept in a folder."""
        self._key, self._hosts_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Package gateway")])
        self._issued = dt.datetime.fromtimestamp(read_clock(), dt.UTC)
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
             "key_agreement", "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        own = self._start(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        own = own.add_extension(
            x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), critical=True
        )
        self.certificate = _encode(own.sign(self._key, hashes.SHA256()))
        """What a client has to trust, as PEM."""
        self._folder = folder
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def make_context(self, host: str) -> ssl.SSLContext:
        """Give what speaks for a host."""
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._issue(host)
            return self._contexts[host]

    def _issue(self, host: str) -> ssl.SSLContext:
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        unsigned = self._start(x509.Name([]), self._hosts_key)
        unsigned = unsigned.add_extension(x509.SubjectAlternativeName([name]), critical=True)
        key = self._hosts_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        # `ssl` reads keys from files alone.
        place = self._folder / "host.pem"
        place.touch(mode=0o600)
        place.write_bytes(key + _encode(unsigned.sign(self._key, hashes.SHA256())))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(place)
        place.unlink()
        return context

    def _start(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        """Begin a certificate with what strict clients ask of each."""
        public, own = key.public_key(), self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._issued - _DAYS)
            .not_valid_after(self._issued + _DAYS)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
        )


def _encode(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
