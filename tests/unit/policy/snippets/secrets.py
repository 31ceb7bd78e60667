"""Changes that `secrets` and `sample-secrets` speak of, and near misses. Nothing here opens anything."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

# In parts, so that no scanner takes this file for one that holds a credential.
_GITHUB = "ghp_" + "aB3dE6gH9" * 4
_AWS = "AKIA" + "Z7QK2LMX4TRW9PVB"
_RANDOM = "f4Ke9xQ2" + "Lm7Zt1Rv8Bn3"
_EMULATOR = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IF" + "suFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
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
            "under any name": Snippet(f"x = '{_AWS}'\n", line=1),
            "random, called a password": Snippet(f"SMTP_PASSWORD = '{_RANDOM}'\n", line=1),
            "in a dictionary": Snippet(f"A = {{\n    'api_key': '{_RANDOM}',\n}}\n", line=2),
            "of a service, in a test": Snippet({"tests/test_a.py": f"A = '{_GITHUB}'\n"}, line=1),
            "in a comment": Snippet(f"x = 1  # {_GITHUB}\n", line=1),
            "a private key": Snippet({"deploy/id_rsa": _KEY}, line=1),
            "in an address": Snippet(
                {"settings.toml": f'url = "postgres://app:{_RANDOM}@db.shop.example/app"\n'}, line=1
            ),
            "of a header, quoted": Snippet("x = {'Authorization': 'kQzWnTbRyLpMx'}\n", line=1),
            "in a path": Snippet({f"docs/{_GITHUB}.md": "hello\n"}),
            "another one beside the old": Snippet(
                f"A = '{_GITHUB}'\nB = '{_AWS}'\n", base=f"A = '{_GITHUB}'\n", line=2
            ),
        },
        passes={
            "a name in a header": Snippet(
                {
                    "a.js": "send({Authorization: nostrToken})\n",
                    "a.py": "authorization: HTTPCredentials = x\n",
                }
            ),
            "for visitors": Snippet(f"KEY = 'phc_{_RANDOM}{_RANDOM}'\nAPI_KEY = 'phc_{_RANDOM}'\n"),
            "from the environment": Snippet("import os\nTOKEN = os.environ['API_TOKEN']\n"),
            "a placeholder": Snippet("API_TOKEN = '<your-token-goes-here>'\n"),
            "a field": Snippet("password = models.CharField(max_length=128)\n"),
            "there already": Snippet(
                f"x = 1\nTOKEN = '{_GITHUB}'\n", base=f"TOKEN = '{_GITHUB}'\n"
            ),
            "moved from another file": Snippet(
                {"app/new.py": f"TOKEN = '{_GITHUB}'\n"}, base={"old.py": f"TOKEN = '{_GITHUB}'\n"}
            ),
            "a developer's own database": Snippet(
                "URL = 'postgres://postgres:postgres@localhost/app'\n"
            ),
            "a digest of a lock": Snippet({"uv.lock": f"hash = 'sha256:{'0f1e2d3c' * 8}'\n"}),
            "words": Snippet("TOKEN_URL_NAME = 'password_reset_confirm_token'\n"),
        },
    ),
    "sample-secrets": Cases(
        fails={
            "in a test": Snippet({"tests/test_a.py": f"API_KEY = '{_RANDOM}'\n"}, line=1),
            "a private key for tests": Snippet({"tests/keys/a.pem": _KEY}, line=1),
            "in an example": Snippet({"examples/app.py": f"x = 1\nTOKEN = '{_RANDOM}'\n"}, line=2),
            "in docs": Snippet({"docs_src/a.py": f"SECRET_KEY = '{_RANDOM}'\n"}, line=1),
            "in prose": Snippet({"README.md": f"    SECRET_KEY={_RANDOM}\n"}, line=1),
            "in a docstring": Snippet(
                f'def f():\n    """Send it.\n\n    Authorization: Token {_RANDOM}\n    """\n',
                line=4,
            ),
        },
        passes={
            "in the application, which `secrets` holds": Snippet(f"API_KEY = '{_RANDOM}'\n"),
            "words": Snippet({"tests/test_a.py": "A = {'Authorization': 'Bearer not-a-token'}\n"}),
            "a variable": Snippet({"tests/test_a.py": "A = {'Authorization': auth_header}\n"}),
            "there already": Snippet(
                {"tests/test_a.py": f"x = 1\nKEY = '{_RANDOM}'\n"},
                base={"tests/test_a.py": f"KEY = '{_RANDOM}'\n"},
            ),
            "of the storage emulator": Snippet(
                {"tests/test_a.py": f"A = 'AccountKey={_EMULATOR}'\n"}
            ),
            "a short password": Snippet({"tests/test_a.py": "PASSWORD = 'secret123'\n"}),
        },
    ),
}
