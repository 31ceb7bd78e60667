"""Changes that `secrets` and `sample-secrets` speak of, and near misses. Nothing here opens anything."""

from tests.unit.policy.cases import Cases, Snippet

# In parts, so that no scanner takes this file for one that holds a credential.
_GITHUB = "ghp_" + "aB3dE6gH9" * 4
_RANDOM = "f4Ke9xQ2" + "Lm7Zt1Rv8Bn3"
_RSA = "RSA PRIVATE" + " KEY"
_KEY = (
    f"-----BEGIN {_RSA}-----\n"
    + "MIIEpAIBAAKCAQEAx7Qk2LmX4tRw9PvB\n" * 3
    + f"-----END {_RSA}-----\n"
)

CASES = {
    "secrets": Cases(
        fails={
            "of a service": Snippet(f"import os\nTOKEN = '{_GITHUB}'\n", line=2),
            "in the name of a file": Snippet({f"docs/{_GITHUB}.md": "hello\n"}),
            "in an address": Snippet(
                {"settings.toml": f'url = "postgres://app:{_RANDOM}@db.shop.example/app"\n'}, line=1
            ),
        },
        passes={
            "moved from another file": Snippet(
                {"app/new.py": f"TOKEN = '{_GITHUB}'\n"}, base={"old.py": f"TOKEN = '{_GITHUB}'\n"}
            )
        },
    ),
    "sample-secrets": Cases(
        fails={
            "a private key for tests": Snippet({"tests/keys/a.pem": _KEY}, line=1),
            "of no shape that detect-secrets knows": Snippet(
                f"KEY = 'phc_{_RANDOM}{_RANDOM}'\n", line=1
            ),
            "in hexadecimal digits": Snippet("KEY = '9f3b7c2e81d44a6f0c5e7a9d2b86f14e'\n", line=1),
            "of a model's provider": Snippet(
                {"tests/test_a.py": f"import os\nKEY = 'sk-ant-api03-{_RANDOM}{_RANDOM}'\n"}, line=2
            ),
        },
        passes={
            "a digest in a test": Snippet(
                {"tests/test_b.py": "MD5 = '9f3b7c2e81d44a6f0c5e7a9d2b86f14e'\n"}
            ),
            "a word": Snippet({"tests/test_b.py": "API_KEY = 'winter20'\n"}),
        },
    ),
}
