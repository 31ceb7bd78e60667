"""Requirements on a request: its signature, and bounds on size, time and memory.

All of them are checked before anything is parsed.
"""

import asyncio
import hmac
import re
from collections.abc import AsyncIterator, Mapping

from starlette.requests import ClientDisconnect

from agent.errors import AgentError

SIGNATURE_HEADER = "X-Hub-Signature-256"

_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
#: Maximum size of a body; GitHub sends no larger payload.
BODY_BYTES = 25 * 1024 * 1024
#: GitHub itself gives up on a delivery after 10 seconds.
BODY_SECONDS = 10.0


class RefusedDelivery(AgentError):
    """The request is refused; nothing of it was stored."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def check_head(headers: Mapping[str, str]) -> None:
    """Refuse a request whose headers are unacceptable, before its body is read.

    Raises:
        RefusedDelivery: 413 too large, 415 another type or compressed.
    """
    declared = headers.get("content-length", "0")
    # No size has so many digits, and int() would take long for them.
    if len(declared) > 20 or (declared.isdecimal() and int(declared) > BODY_BYTES):
        raise _too_large()
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise RefusedDelivery(415, "Content-Encoding is not accepted: send the body as it is.")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        raise RefusedDelivery(
            415,
            "The webhook sends a form. Set its content type to application/json in the webhook's"
            " settings.",
        )
    if kind != "application/json":
        raise RefusedDelivery(415, "Content-Type must be application/json.")


async def read_body(parts: AsyncIterator[bytes]) -> bytes:
    """Read the body, whatever length was declared.

    Raises:
        RefusedDelivery: 413 too large, 408 too slow, 400 incomplete.
    """
    kept: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in parts:
                size += len(part)
                if size > BODY_BYTES:
                    raise _too_large()
                if part:
                    kept.append(part)
    except TimeoutError:
        raise RefusedDelivery(
            408, f"The body did not arrive within {BODY_SECONDS:g} seconds."
        ) from None
    except ClientDisconnect:
        raise RefusedDelivery(400, "The body is incomplete.") from None
    return kept[0] if len(kept) == 1 else b"".join(kept)


def _too_large() -> RefusedDelivery:
    return RefusedDelivery(413, f"The body is larger than {BODY_BYTES:,} bytes.")


# --- the signature -----------------------------------------------------------------------------


def read_signature(header: str | None) -> str:
    """Return the signature of a request, in hexadecimal, before its body is read.

    Raises:
        RefusedDelivery: 401: there is none, or it is no SHA-256.
    """
    if header is None or not (shape := _SIGNATURE.fullmatch(header)):
        raise RefusedDelivery(
            401,
            f"{SIGNATURE_HEADER} with one sha256 signature is required. Set a secret in the"
            " webhook's settings; SHA-1 signatures are not accepted.",
        )
    return shape[1]


def verify_signature(secrets: tuple[bytes, ...], body: bytes, signature: str) -> None:
    """Compare the signature with those of the raw body, in constant time; refuse with 401."""
    expected = [hmac.new(secret, body, "sha256").hexdigest() for secret in secrets]
    if not any(hmac.compare_digest(digest, signature) for digest in expected):
        raise RefusedDelivery(
            401,
            f"{SIGNATURE_HEADER} does not match this body. The webhook's secret must match"
            " MERGEWRIGHT_WEBHOOK_SECRET (or its file).",
        )
