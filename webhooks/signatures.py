"""Check that a delivery comes from somebody who knows the secret. Pure."""

from __future__ import annotations

import hmac
import re

from webhooks.refusals import Refused

HEADER = "X-Hub-Signature-256"

_SHAPE = re.compile(r"sha256=([0-9a-f]{64})")


def read_signature(header: str | None) -> str:
    """Return the signature of a request, in hexadecimal, before its body is read.

    Args:
        header: The value of `X-Hub-Signature-256`.

    Raises:
        Refused: 401, there is none, more than one, or it is no SHA-256.
    """
    if header is None or not (shape := _SHAPE.fullmatch(header)):
        raise Refused(
            401,
            f"{HEADER} with one sha256 signature is needed. Set a secret in the webhook's settings;"
            " SHA-1 signatures are not accepted.",
        )
    return shape[1]


def verify_signature(secret: bytes, body: bytes, signature: str) -> None:
    """Compare the signature with that of the raw body, in constant time.

    Raises:
        Refused: 401, the body was not signed with our secret.
    """
    expected = hmac.new(secret, body, "sha256").hexdigest()
    if not hmac.compare_digest(expected, signature):
        raise Refused(
            401,
            f"{HEADER} does not fit this body. The webhook's secret must be the one that"
            " MERGEWRIGHT_WEBHOOK_SECRET or its file holds.",
        )
