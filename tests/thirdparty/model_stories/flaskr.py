"""Flask's tutorial application, in a folder of Flask's own archive: views, sqlite, pytest."""

from __future__ import annotations

from tests.flow.model_scripts import calls, edit, finish, read
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import Project, Remark, Story, Test, run_test, when
from tests.thirdparty.sources import Source

PROJECT = Project(
    Source("flask", "3.1.3", "0ef0e52b8a9cd932855379197dd8f94047b359ca0a78695144304cb45f87c9eb"),
    wire="anthropic",
    stream=False,
    config="root: examples/tutorial\n",
)
_ROOT = "examples/tutorial"
_BLOG, _AUTH = f"{_ROOT}/flaskr/blog.py", f"{_ROOT}/flaskr/auth.py"
_TEST_BLOG, _TEST_AUTH = f"{_ROOT}/tests/test_blog.py", f"{_ROOT}/tests/test_auth.py"

ENDPOINT = Story(
    name="post-endpoint-1",
    project=PROJECT,
    title="POST endpoint that renames a post",
    body=(
        "`POST /<id>/title` with a form field `title` renames a post of one's own and goes to the"
        " index. Surrounding blanks do not count; an empty title, or one of more than 100"
        " characters, is answered with 400."
    ),
    look=(calls(read(_BLOG), read(_TEST_BLOG), read(f"{_ROOT}/tests/conftest.py")),),
    plan={
        "title": "Add an endpoint that renames a post",
        "category": "feature",
        "steps": ["Add the view `rename` to the blog"],
        "files": [_BLOG],
        "risks": ["The limit of 100 characters is new; longer titles exist already."],
    },
    proof=(
        Test(f"{_TEST_BLOG}::test_rename", "a post has its new title"),
        Test(f"{_TEST_BLOG}::test_rename_validate", "bad titles are answered with 400"),
        Test(f"{_TEST_BLOG}::test_rename_author_required", "others may not rename it"),
    ),
    tests=(
        calls(
            edit(
                _TEST_BLOG,
                "        assert post is None\n",
                """\
        assert post is None


def test_rename(client, auth, app):
    auth.login()
    response = client.post("/1/title", data={"title": " renamed "})
    assert response.headers["Location"] == "/"

    with app.app_context():
        post = get_db().execute("SELECT * FROM post WHERE id = 1").fetchone()
        assert post["title"] == "renamed"


@pytest.mark.parametrize("title", ("", "  ", "x" * 101))
def test_rename_validate(client, auth, app, title):
    auth.login()
    assert client.post("/1/title", data={"title": title}).status_code == 400

    with app.app_context():
        post = get_db().execute("SELECT * FROM post WHERE id = 1").fetchone()
        assert post["title"] == "test title"


def test_rename_author_required(client, auth, app):
    with app.app_context():
        db = get_db()
        db.execute("UPDATE post SET author_id = 2 WHERE id = 1")
        db.commit()

    auth.login()
    assert client.post("/1/title", data={"title": "renamed"}).status_code == 403
""",
            ),
        ),
        calls(finish("Three tests.")),
    ),
    edit=(
        calls(
            edit(
                _BLOG,
                '@bp.route("/<int:id>/delete", methods=("POST",))\n',
                '''\
@bp.route("/<int:id>/title", methods=("POST",))
@login_required
def rename(id):
    """Rename a post if the current user is the author.

    :raise 400: if the title is empty or has more than 100 characters
    """
    get_post(id)
    title = request.form.get("title", "").strip()

    if not title or len(title) > 100:
        abort(400, "A title has between 1 and 100 characters.")

    db = get_db()
    db.execute("UPDATE post SET title = ? WHERE id = ?", (title, id))
    db.commit()
    return redirect(url_for("blog.index"))


@bp.route("/<int:id>/delete", methods=("POST",))
''',
            ),
            run_test(_TEST_BLOG),
        ),
        when("passed", "test_rename", then=calls(finish("The view `rename` is like `update`."))),
    ),
    files={_BLOG: "M", _TEST_BLOG: "M"},
    diff={
        _BLOG: Part(
            19,
            (
                '@bp.route("/<int:id>/title", methods=("POST",))',
                "@login_required",
                "    if not title or len(title) > 100:",
                '    db.execute("UPDATE post SET title = ? WHERE id = ?", (title, id))',
            ),
        ),
        _TEST_BLOG: Part(30, ("def test_rename_author_required(client, auth, app):",)),
    },
    # No value is written into a statement.
    never=('f"UPDATE', "% id", ".format("),
    words="The view `rename` is like `update`.",
    remarks=(Remark("The limit stands in no other view.", _BLOG, 113),),
)

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

STORIES = (ENDPOINT, BUG)
