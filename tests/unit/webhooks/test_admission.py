"""What a request must be to be taken: bounds and signature, before it is parsed."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator

import pytest

from webhooks import admission
from webhooks.admission import RefusedDelivery


async def parts(*given: bytes) -> AsyncIterator[bytes]:
    for part in given:
        yield part


def read(*given: bytes) -> bytes:
    return asyncio.run(admission.read_body(parts(*given)))


JSON = {"content-type": "application/json"}


def test_WH4_a_body_is_counted_whatever_was_declared():
    with pytest.raises(RefusedDelivery) as refused:
        read(*[b"x" * 1024 * 1024] * 26)
    assert refused.value.status == 413


def test_WH4_a_slow_body_has_a_deadline(monkeypatch):
    monkeypatch.setattr(admission, "BODY_SECONDS", 0.05)

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    with pytest.raises(RefusedDelivery) as refused:
        asyncio.run(admission.read_body(drip()))
    assert refused.value.status == 408


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"content-length": str(26 * 1024 * 1024)}, 413, "26,214,400"),
        ({"content-length": "9" * 5000}, 413, "larger"),
        ({"content-encoding": "identity, br"}, 415, "Content-Encoding"),
        (
            {"content-type": "application/x-www-form-urlencoded"},
            415,
            "Set its content type to application/json",
        ),
    ],
)
def test_WH4_the_head_alone_can_be_enough(given, status, said):
    with pytest.raises(RefusedDelivery, match=said) as refused:
        admission.check_head(JSON | given)
    assert refused.value.status == status


SECRET = b"It's a Secret to Everybody"
#: The example of GitHub's own documentation.
BODY = b"Hello, World!"
KNOWN = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_the_published_example_is_right():
    admission.verify_signature(
        (b"of another webhook", SECRET), BODY, admission.read_signature(f"sha256={KNOWN}")
    )


@pytest.mark.parametrize(
    "header",
    [
        None,
        f"sha1={hmac.new(SECRET, BODY, hashlib.sha1).hexdigest()}",
        f"sha256={KNOWN}\n",
        f"sha256={KNOWN}, sha256={KNOWN}",
    ],
)
def test_WH1_only_one_whole_sha256_counts(header):
    with pytest.raises(RefusedDelivery, match="X-Hub-Signature-256") as refused:
        admission.read_signature(header)
    assert refused.value.status == 401
