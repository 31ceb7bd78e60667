"""Flask's tutorial application, in a folder of Flask's own archive: views, sqlite, pytest."""

from __future__ import annotations

from tests.flow.model_scripts import bash, calls, edit, read, submit
from tests.thirdparty.model_stories.story import Project, Story, when
from tests.thirdparty.sources import Source

PROJECT = Project(
    Source("flask", "3.1.3", "0ef0e52b8a9cd932855379197dd8f94047b359ca0a78695144304cb45f87c9eb"),
    wire="anthropic",
    config="root: examples/tutorial\n",
)
_ROOT = "examples/tutorial"
_AUTH, _TEST_AUTH = f"{_ROOT}/flaskr/auth.py", f"{_ROOT}/tests/test_auth.py"
#: It is a project of its own.
_TRIED = bash(f"cd {_ROOT} && python -m pytest -q -p no:cacheprovider tests/test_auth.py")

BUG = Story(
    name="bug-with-reproduction",
    project=PROJECT,
    title="Bug: a user whose name is blank can register",
    body='Registering with the username `"  "` works; it should say "Username is required."',
    plan={
        "title": "Refuse blank usernames",
        "category": "bug",
        "steps": ["Reproduce it", "Look at the name without its blanks"],
        "files": [_AUTH],
    },
    proof=("tests/test_auth.py::test_register_blank_username",),
    work=(
        calls(read(_AUTH), bash(f"rg -n 'Username is required' {_ROOT}")),
        calls(
            edit(
                _TEST_AUTH,
                "def test_login(client, auth):\n",
                """\
@pytest.mark.parametrize("username", (" ", "\\t "))
def test_register_blank_username(client, app, username):
    response = client.post(
        "/auth/register", data={"username": username, "password": "a"}
    )
    assert b"Username is required." in response.data

    with app.app_context():
        assert get_db().execute("SELECT COUNT(id) FROM user").fetchone()[0] == 2


def test_login(client, auth):
""",
            ),
            _TRIED,
        ),
        # The first idea is wrong; the tests say so.
        when(
            "2 failed",
            then=calls(
                edit(_AUTH, "if not username:", "if not username or username.strip():"),
                _TRIED,
            ),
        ),
        when(
            "failed",
            "test_register_validate_input",
            then=calls(
                edit(_AUTH, "if not username or username.strip():", "if not username.strip():"),
                _TRIED,
            ),
        ),
        when("passed", then=calls(submit("A name of blanks counts as none."))),
    ),
    files={_AUTH: "M", _TEST_AUTH: "M"},
    never=("or username.strip()",),
    words="A name of blanks counts as none.",
)

STORIES = (BUG,)
