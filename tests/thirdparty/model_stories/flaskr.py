"""Flask's tutorial application, in a folder of Flask's own archive: views, sqlite, pytest."""

from __future__ import annotations

from tests.flow.model_scripts import calls, edit, finish, read
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import Project, Story, Test, run_test, when
from tests.thirdparty.sources import Source

PROJECT = Project(
    Source("flask", "3.1.3", "0ef0e52b8a9cd932855379197dd8f94047b359ca0a78695144304cb45f87c9eb"),
    wire="anthropic",
    config="root: examples/tutorial\n",
)
_ROOT = "examples/tutorial"
_AUTH, _TEST_AUTH = f"{_ROOT}/flaskr/auth.py", f"{_ROOT}/tests/test_auth.py"

BUG = Story(
    name="bug-with-reproduction",
    project=PROJECT,
    title="Bug: a user whose name is blank can register",
    body='Registering with the username `"  "` works; it should say "Username is required."',
    look=(calls(read(_AUTH), ("search", {"text": "Username is required", "folder": _ROOT})),),
    plan={
        "title": "Refuse blank usernames",
        "category": "bug",
        "steps": ["Reproduce it", "Look at the name without its blanks"],
        "files": [_AUTH],
    },
    proof=(Test(f"{_TEST_AUTH}::test_register_blank_username", "a blank name is refused"),),
    tests=(
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
            run_test(f"{_TEST_AUTH}::test_register_blank_username"),
        ),
        when("2 failed", then=calls(finish("It is reproduced."))),
    ),
    edit=(
        # The first idea is wrong; the tests say so.
        calls(
            edit(_AUTH, "if not username:", "if not username or username.strip():"),
            run_test(_TEST_AUTH),
        ),
        when(
            "failed",
            "test_register_validate_input",
            then=calls(
                edit(_AUTH, "if not username or username.strip():", "if not username.strip():"),
                run_test(_TEST_AUTH),
            ),
        ),
        when("passed", then=calls(finish("A name of blanks counts as none."))),
    ),
    files={_AUTH: "M", _TEST_AUTH: "M"},
    diff={
        # Nothing is left of the first idea.
        _AUTH: Part(1, ("        if not username.strip():",), ("        if not username:",)),
        _TEST_AUTH: Part(11, ('@pytest.mark.parametrize("username", (" ", "\\t "))',)),
    },
    never=("or username.strip()",),
    words="A name of blanks counts as none.",
)

STORIES = (BUG,)
