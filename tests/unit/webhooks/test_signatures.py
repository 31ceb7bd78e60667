"""The signature of a delivery."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from webhooks import admission as signatures
from webhooks.admission import Refused

SECRET = b"It's a Secret to Everybody"
#: The example of GitHub's own documentation.
BODY = b"Hello, World!"
KNOWN = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_the_published_example_is_right():
    signatures.verify_signature(SECRET, BODY, signatures.read_signature(f"sha256={KNOWN}"))


@pytest.mark.parametrize(
    ("secret", "body"),
    [(SECRET + b"x", BODY), (SECRET, BODY + b" "), (SECRET, b"")],
    ids=["wrong secret", "one byte more", "empty body"],
)
def test_WH1_another_body_or_secret_is_refused(secret, body):
    with pytest.raises(Refused, match="does not fit this body") as refused:
        signatures.verify_signature(secret, body, KNOWN)
    assert refused.value.status == 401


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
    with pytest.raises(Refused, match="X-Hub-Signature-256") as refused:
        signatures.read_signature(header)
    assert refused.value.status == 401
