"""Values that their names call secrets, and near misses. Nothing here opens anything."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_LIVE = "Vk8!prod-" + "Ze44"
_WORD = "winter" + "2027"

CASES = {
    "possible-secret": Cases(
        fails={
            "a default": Snippet(f"def f(token='{_WORD}'): ...\n", line=1),
            "into a table": Snippet(f"A['SECRET_KEY'] = '{_WORD}'\n", line=1),
            "what opens": Snippet(
                f"def f(password):\n    if password == '{_LIVE}':\n        return True\n", line=2
            ),
            "otherwise": Snippet(f"import os\nTOKEN = os.getenv('A') or '{_LIVE}'\n", line=2),
        },
        passes={
            "an example of an interface": Snippet(
                f"A = {{'example': {{'access_token': '{_LIVE}'}}}}\n"
            ),
            "there already": Snippet(f"x = 1\nPWD = '{_LIVE}'\n", base=f"PWD = '{_LIVE}'\n"),
            "a dotted name": Snippet("TOKEN = 'app.tokens.V2'\n"),
            "of another name": Snippet(f"SEASON = '{_WORD}'\n"),
        },
    ),
}
