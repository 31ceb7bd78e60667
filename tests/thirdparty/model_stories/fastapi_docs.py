"""FastAPI's own applications for its documents, with their tests; inside FastAPI's archive."""

from __future__ import annotations

from tests.flow.model_scripts import bash, calls, edit, read, run_tests, submit
from tests.thirdparty.model_stories.story import Project, Story, when
from tests.thirdparty.sources import Source

PROJECT = Project(
    Source(
        "fastapi", "0.165.0", "dd94d4128319c1e1d50535ab023ab698f850a4d2822f0e181747b46f4ff3c0ab"
    ),
    wire="responses",
    # The group tests brings what all documents need. types: of the library, not of these
    # applications. args: their tests are 30 of 3,000.
    config=(
        'setup: [\'uv pip install -e . "pytest<9.2" pytest-timeout httpx httpx2 inline-snapshot'
        " dirty-equals python-multipart']\n"
        "fastapi: {app: 'docs_src.bigger_applications.app.main:app'}\n"
        "checks: {types: {tool: 'off'}, tests: {args: [\n"
        "  tests/test_tutorial/test_bigger_applications, tests/test_tutorial/test_middleware,\n"
        "  tests/test_tutorial/test_request_body_limits]}}\n"
    ),
    reviewed_by="anthropic",
)

_MIDDLEWARE = "docs_src/middleware/tutorial001.py"
_TEST_MIDDLEWARE = "tests/test_tutorial/test_middleware/test_tutorial001.py"

MIDDLEWARE = Story(
    name="middleware",
    project=PROJECT,
    title="A middleware that gives each response an id",
    body=(
        "In `docs_src/middleware/tutorial001.py`, like the one that is there: `X-Request-ID` is"
        " that of the request or, where it has none, a new one."
    ),
    plan={
        "title": "Add a middleware for request ids",
        "category": "feature",
        "steps": ["Add `add_request_id_header` in the manner of the other one"],
        "files": [_MIDDLEWARE],
    },
    proof=(f"{_TEST_MIDDLEWARE}::test_request_id",),
    work=(
        calls(
            read(_MIDDLEWARE),
            bash("ls tests/test_tutorial/test_middleware"),
            read(_TEST_MIDDLEWARE),
        ),
        calls(
            edit(
                _TEST_MIDDLEWARE,
                "def test_openapi_schema():\n",
                """\
def test_request_id():
    response = client.get("/openapi.json", headers={"X-Request-ID": "mine"})
    assert response.headers["X-Request-ID"] == "mine"
    new = [client.get("/openapi.json").headers["X-Request-ID"] for _ in range(2)]
    assert len(set(new)) == 2


def test_openapi_schema():
""",
            ),
            run_tests(_TEST_MIDDLEWARE),
        ),
        calls(
            edit(_MIDDLEWARE, "import time\n", "import time\nfrom uuid import uuid4\n"),
            edit(
                _MIDDLEWARE,
                '    response.headers["X-Process-Time"] = str(process_time)\n    return response\n',
                """\
    response.headers["X-Process-Time"] = str(process_time)
    return response


@app.middleware("http")
async def add_request_id_header(request: Request, call_next):
    response = await call_next(request)
    request_id = request.headers.get("X-Request-ID") or str(uuid4())
    response.headers["X-Request-ID"] = request_id
    return response
""",
            ),
            run_tests(_TEST_MIDDLEWARE),
        ),
        when("passed", then=calls(submit("It wraps the one that is there."))),
    ),
    files={_MIDDLEWARE: "M", _TEST_MIDDLEWARE: "M"},
    # As the one that is there.
    never=("BaseHTTPMiddleware", "add_middleware", "X-Process-Time"),
    words="It wraps the one that is there.",
)

STORIES = (MIDDLEWARE,)
