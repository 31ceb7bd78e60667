"""Make the secrets that GitHub hands out: tokens and the key pairs of Apps."""

from __future__ import annotations

import secrets
import string

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_LETTERS = string.ascii_letters + string.digits


def token(prefix: str) -> str:
    """Give a new token; the prefix tells its kind."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(36))


def key_pair() -> tuple[str, str]:
    """Give a new private key and its public half, both as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()
