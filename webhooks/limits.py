"""Bounds on what a request may cost: size, time, memory. All hold before anything is parsed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self

from starlette.requests import ClientDisconnect

from webhooks.refusals import Refused

#: GitHub sends no larger payload.
BODY_BYTES = 25 * 1024 * 1024
#: GitHub itself gives up on a delivery after 10 seconds.
BODY_SECONDS = 10.0
#: Of large bodies that are under way at one time, all together.
LARGE_BYTES_TOGETHER = 96 * 1024 * 1024
#: A body up to this size always finds space; open connections bound how many there are.
SMALL_BYTES = 64 * 1024


class Space:
    """Memory for large bodies; who finds none is told to come again."""

    def __init__(self, total: int = LARGE_BYTES_TOGETHER) -> None:
        self._left = total

    def share(self) -> Share:
        """Open a share of the space, to be used with `with`."""
        return Share(self)

    def take(self, count: int) -> None:
        """Take bytes; a negative count gives them back.

        Raises:
            Refused: 503, there are not so many left.
        """
        if count > self._left:
            raise Refused(503, "Too many large deliveries are under way. Deliver this one again.")
        self._left -= count


class Share:
    """What one request has taken of the space; given back at the end."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._space.take(-self._taken)

    def hold(self, size: int) -> None:
        """Have space for a body of that size in all."""
        # Twice: the parts, and the whole that they are joined to.
        if size > SMALL_BYTES and 2 * size > self._taken:
            self._space.take(2 * size - self._taken)
            self._taken = 2 * size


def headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Give the headers of a request by their lower-case names.

    The values of one that is repeated are joined by commas, as HTTP reads them; nothing that we
    look for has that shape.
    """
    found: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def check_head(given: Mapping[str, str]) -> None:
    """Refuse by the headers alone what could not be taken anyway.

    Raises:
        Refused: 413 too large, 415 another type or compressed.
    """
    declared = given.get("content-length", "0")
    # More digits than any size has are not worth the time of int().
    if len(declared) > 20 or (declared.isdecimal() and int(declared) > BODY_BYTES):
        raise _too_large()
    if given.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refused(415, "Content-Encoding is not accepted: send the body as it is.")
    kind = given.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        raise Refused(
            415,
            "The webhook sends a form. Set its content type to application/json in the webhook's"
            " settings.",
        )
    if kind != "application/json":
        raise Refused(415, "Content-Type must be application/json.")


async def read_body(parts: AsyncIterator[bytes], share: Share) -> bytes:
    """Read the body, whatever length was declared.

    Raises:
        Refused: 413 too large, 408 too slow, 400 broken off, 503 no space.
    """
    kept: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in parts:
                size += len(part)
                if size > BODY_BYTES:
                    raise _too_large()
                share.hold(size)
                if part:
                    kept.append(part)
    except TimeoutError:
        raise Refused(408, f"The body did not arrive within {BODY_SECONDS:g} seconds.") from None
    except ClientDisconnect:
        raise Refused(400, "The body broke off.") from None
    return kept[0] if len(kept) == 1 else b"".join(kept)


def _too_large() -> Refused:
    return Refused(413, f"The body is larger than {BODY_BYTES:,} bytes.")
