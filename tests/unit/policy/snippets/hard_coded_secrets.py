"""Values that their names call secrets, and near misses. Nothing here opens anything."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_LIVE = "Vk8!prod-" + "Ze44"
_WORD = "winter" + "2027"

CASES = {
    "hard-coded-secret": Cases(
        fails={
            "a variable": Snippet(f"x = 1\nDB_PASSWORD = '{_LIVE}'\n", line=2),
            "an attribute": Snippet(
                f"class A:\n    def __init__(self):\n        self.api_key = '{_LIVE}'\n", line=3
            ),
            "a key of a table": Snippet(f"A = {{\n    'apiKey': '{_LIVE}',\n}}\n", line=2),
            "an argument": Snippet(f"def f():\n    connect(password='{_LIVE}')\n", line=2),
            "a default": Snippet(f"def f(*, client_secret: str = '{_LIVE}'): ...\n", line=1),
            "a login": Snippet(f"get('https://a.example', auth=('me', '{_LIVE}'))\n", line=1),
            "what opens": Snippet(
                f"def f(password):\n    if password == '{_LIVE}':\n        return True\n", line=2
            ),
            "to fall back to": Snippet(
                f"import os\nx = os.getenv('JWT_SECRET', '{_LIVE}')\n", line=2
            ),
            "otherwise": Snippet(f"import os\nTOKEN = os.getenv('A') or '{_LIVE}'\n", line=2),
            "bytes": Snippet(f"SIGNING_KEY = b'{_LIVE}'\n", line=1),
            "of a field": Snippet(f"class A:\n    db_password: str = '{_LIVE}'\n", line=2),
        },
        passes={
            "from the environment": Snippet("import os\nDB_PASSWORD = os.environ['DB_PASSWORD']\n"),
            "empty": Snippet("DB_PASSWORD = ''\n"),
            "a placeholder": Snippet("DB_PASSWORD = 'change-me-1!'\n"),
            "for development": Snippet("SECRET_KEY = 'django-insecure-1!aB3dE6'\n"),
            "the name of a variable": Snippet("TOKEN = 'API_TOKEN_V2'\n"),
            "an address": Snippet("ACCESS_TOKEN = 'https://a.example/oauth2/token!1'\n"),
            "another word in the end": Snippet(f"PASSWORD_HASHER = '{_LIVE}'\n"),
            "a field of a form": Snippet("A = {'password': 'id_password_1'}\n"),
            "a test": Snippet({"tests/test_a.py": f"PASSWORD = '{_LIVE}'\n"}),
            "an example": Snippet({"examples/a.py": f"PASSWORD = '{_LIVE}'\n"}),
            "an example of an interface": Snippet(
                f"A = {{'example': {{'access_token': '{_LIVE}'}}}}\n"
            ),
            "there already": Snippet(f"x = 1\nPWD = '{_LIVE}'\n", base=f"PWD = '{_LIVE}'\n"),
            "a text with spaces": Snippet("PASSWORD = 'at least 8 letters, 1 digit!'\n"),
            "what is done with it": Snippet("A = {'reset_password': '20/m/ip,5/m/key'}\n"),
        },
    ),
    "possible-secret": Cases(
        fails={
            "a variable": Snippet(f"x = 1\nDB_PASSWORD = '{_WORD}'\n", line=2),
            "an argument": Snippet(f"connect(passwd='{_WORD}')\n", line=1),
            "a key": Snippet(f"A = {{'private-key': '{_WORD}'}}\n", line=1),
            "a default": Snippet(f"def f(token='{_WORD}'): ...\n", line=1),
            "into a table": Snippet(f"A['SECRET_KEY'] = '{_WORD}'\n", line=1),
        },
        passes={
            "a word alone": Snippet("PASSWORD = 'password_confirmation'\n"),
            "short": Snippet("PASSWORD = 'abc123'\n"),
            "a number": Snippet("TOKEN = '12345678'\n"),
            "a dotted name": Snippet("TOKEN = 'app.tokens.V2'\n"),
            "a path": Snippet("PRIVATE_KEY = '/run/secrets/key1'\n"),
            "a file": Snippet("PRIVATE_KEY = 'server1.pem'\n"),
            "of another name": Snippet(f"SEASON = '{_WORD}'\n"),
        },
    ),
}
