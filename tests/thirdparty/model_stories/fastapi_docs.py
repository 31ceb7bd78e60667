"""FastAPI's own applications for its documents, with their tests; inside FastAPI's archive."""

from __future__ import annotations

from tests.flow.model_scripts import calls, create, edit, finish, read
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import Project, Remark, Story, Test, run_test, when
from tests.thirdparty.sources import Source

PROJECT = Project(
    Source(
        "fastapi", "0.165.0", "dd94d4128319c1e1d50535ab023ab698f850a4d2822f0e181747b46f4ff3c0ab"
    ),
    wire="responses",
    # groups, install: the group tests brings what all documents need. types: of the library, not
    # of these applications. args: their tests are 30 of 3,000.
    config=(
        "python: {extras: [], groups: [], install: ['pytest<9.2', pytest-timeout, httpx, httpx2,"
        " inline-snapshot, dirty-equals, python-multipart]}\n"
        "fastapi: {app: 'docs_src.bigger_applications.app.main:app'}\n"
        "checks: {types: {tool: 'off'}, tests: {args: [\n"
        "  tests/test_tutorial/test_bigger_applications, tests/test_tutorial/test_middleware,\n"
        "  tests/test_tutorial/test_request_body_limits]}}\n"
    ),
    reviewed_by="anthropic",
)
_APP = "docs_src/bigger_applications/app"
_ITEMS = f"{_APP}/routers/items.py"
_TESTS = "tests/test_tutorial/test_bigger_applications/test_main.py"
_NEW_TESTS = "tests/test_tutorial/test_bigger_applications/test_items.py"

ENDPOINT = Story(
    name="post-endpoint-2",
    project=PROJECT,
    title="POST endpoint for new items in bigger_applications",
    body=(
        "`POST /items/` takes `item_id` (lower case letters, at most 20) and `name` (not empty),"
        " answers 201 with both, 409 where the item is there already and 422 for anything else."
    ),
    look=(
        calls(
            read(_ITEMS),
            read(f"{_APP}/main.py"),
            read(_TESTS, 340, 420),
            read(_TESTS, 565, 606),
        ),
    ),
    plan={
        "title": "Add an endpoint for new items",
        "category": "feature",
        "steps": ["Add the model of the body", "Add the endpoint to the router of items"],
        "files": [_ITEMS],
        "lines": 120,
    },
    proof=(
        Test(f"{_NEW_TESTS}::test_create_item", "an item is made, once"),
        Test(f"{_NEW_TESTS}::test_create_item_validates", "bad bodies are answered with 422"),
        Test(f"{_TESTS}::test_openapi_schema", "it is documented"),
    ),
    tests=(
        calls(
            create(
                _NEW_TESTS,
                """\
import pytest
from fastapi.testclient import TestClient

from docs_src.bigger_applications.app.main import app
from docs_src.bigger_applications.app.routers.items import fake_items_db

client = TestClient(app, headers={"X-Token": "fake-super-secret-token"})


@pytest.fixture(autouse=True)
def as_before():
    yield
    fake_items_db.pop("towel", None)


def test_create_item():
    item = {"item_id": "towel", "name": "Towel"}
    response = client.post("/items/?token=jessica", json=item)
    assert response.status_code == 201, response.text
    assert response.json() == item
    response = client.get("/items/towel?token=jessica")
    assert response.json() == item
    response = client.post("/items/?token=jessica", json=item)
    assert response.status_code == 409
    assert response.json() == {"detail": "Item already exists"}


@pytest.mark.parametrize(
    "item",
    [
        {"name": "Towel"},
        {"item_id": "towel", "name": ""},
        {"item_id": "Towel", "name": "Towel"},
        {"item_id": "t" * 21, "name": "Towel"},
    ],
)
def test_create_item_validates(item):
    response = client.post("/items/?token=jessica", json=item)
    assert response.status_code == 422
""",
            ),
            edit(
                _TESTS,
                """\
                    }
                },
                "/items/{item_id}": {
""",
                """\
                    },
                    "post": {
                        "tags": ["items"],
                        "summary": "Create Item",
                        "operationId": "create_item_items__post",
                        "parameters": [
                            {
                                "required": True,
                                "schema": {"title": "Token", "type": "string"},
                                "name": "token",
                                "in": "query",
                            },
                            {
                                "required": True,
                                "schema": {"title": "X-Token", "type": "string"},
                                "name": "x-token",
                                "in": "header",
                            },
                        ],
                        "requestBody": {
                            "required": True,
                            "content": {
                                "application/json": {
                                    "schema": {"$ref": "#/components/schemas/NewItem"}
                                }
                            },
                        },
                        "responses": {
                            "201": {
                                "description": "Successful Response",
                                "content": {"application/json": {"schema": {}}},
                            },
                            "404": {"description": "Not found"},
                            "422": {
                                "description": "Validation Error",
                                "content": {
                                    "application/json": {
                                        "schema": {
                                            "$ref": "#/components/schemas/HTTPValidationError"
                                        }
                                    }
                                },
                            },
                        },
                    },
                },
                "/items/{item_id}": {
""",
            ),
            edit(
                _TESTS,
                """\
                "schemas": {
""",
                """\
                "schemas": {
                    "NewItem": {
                        "title": "NewItem",
                        "type": "object",
                        "required": ["item_id", "name"],
                        "properties": {
                            "item_id": {
                                "title": "Item Id",
                                "type": "string",
                                "maxLength": 20,
                                "pattern": "^[a-z]+$",
                            },
                            "name": {"title": "Name", "type": "string", "minLength": 1},
                        },
                    },
""",
            ),
            run_test(_NEW_TESTS),
        ),
        when("5 failed", then=calls(finish("Two tests, and the document."))),
    ),
    edit=(
        calls(
            edit(
                _ITEMS,
                "from fastapi import APIRouter, Depends, HTTPException\n",
                "from fastapi import APIRouter, Depends, HTTPException\n"
                "from pydantic import BaseModel, Field\n",
            ),
            edit(
                _ITEMS,
                'fake_items_db = {"plumbus": {"name": "Plumbus"}, "gun": {"name": "Portal Gun"}}\n',
                """\
fake_items_db = {"plumbus": {"name": "Plumbus"}, "gun": {"name": "Portal Gun"}}


class NewItem(BaseModel):
    item_id: str = Field(pattern="^[a-z]+$", max_length=20)
    name: str = Field(min_length=1)
""",
            ),
            edit(
                _ITEMS,
                """\
    return fake_items_db


""",
                """\
    return fake_items_db


@router.post("/", status_code=201)
async def create_item(item: NewItem):
    if item.item_id in fake_items_db:
        raise HTTPException(status_code=409, detail="Item already exists")
    fake_items_db[item.item_id] = {"name": item.name}
    return {"item_id": item.item_id, "name": item.name}


""",
            ),
            run_test(_NEW_TESTS, _TESTS),
        ),
        when("passed", then=calls(finish("The document has the endpoint and its body."))),
    ),
    files={_ITEMS: "M", _TESTS: "M", _NEW_TESTS: "A"},
    diff={
        _ITEMS: Part(
            14,
            (
                "from pydantic import BaseModel, Field",
                '    item_id: str = Field(pattern="^[a-z]+$", max_length=20)',
                "    name: str = Field(min_length=1)",
                '@router.post("/", status_code=201)',
                "async def create_item(item: NewItem):",
                '        raise HTTPException(status_code=409, detail="Item already exists")',
            ),
        ),
        _TESTS: Part(
            59,
            (
                '                    "post": {',
                '                        "operationId": "create_item_items__post",',
                '                    "NewItem": {',
            ),
            ("                    }",),
        ),
        _NEW_TESTS: Part(39, ("def test_create_item():",)),
    },
    never=("dict", "Any"),
    words="The document has the endpoint and its body.",
    # The document that a present test expects has grown.
    review=("test-weakened-noted",),
    remarks=(Remark("409 is not among the documented responses.", _ITEMS, 28),),
)

_LIMITS = "docs_src/request_body_limits/tutorial001.py"
_TEST_LIMITS = "tests/test_tutorial/test_request_body_limits/test_tutorial001.py"

BODY = Story(
    name="pydantic-body-1",
    project=PROJECT,
    title="A Pydantic model for the body in request_body_limits/tutorial001",
    body=(
        "`create_item` takes any dict. It should take a Pydantic model with `name`, and an"
        " optional `price` that is not negative."
    ),
    look=(calls(read(_LIMITS), read(_TEST_LIMITS)),),
    plan={
        "title": "Take a Pydantic model where items are made",
        "category": "feature",
        "steps": ["Add the model", "Take it as the body"],
        "files": [_LIMITS],
    },
    proof=(
        Test(f"{_TEST_LIMITS}::test_item_validates", "bad items are answered with 422"),
        Test(f"{_TEST_LIMITS}::test_item_price", "a price is optional"),
    ),
    tests=(
        calls(
            edit(
                _TEST_LIMITS,
                "def test_item_limit():\n",
                """\
@pytest.mark.parametrize("item", [{}, {"name": None}, {"name": "a", "price": -1}])
def test_item_validates(item):
    response = client.post("/items", json=item)
    assert response.status_code == 422


def test_item_price():
    response = client.post("/items", json={"name": "Plumbus", "price": "9.5", "x": 1})
    assert response.status_code == 200
    assert response.json() == {"name": "Plumbus", "price": 9.5}


def test_item_limit():
""",
            ),
            finish("Two tests."),
        ),
    ),
    edit=(
        calls(
            edit(
                _LIMITS,
                "from fastapi import APIRouter, FastAPI, UploadFile\n",
                "from fastapi import APIRouter, FastAPI, UploadFile\n"
                "from pydantic import BaseModel, Field\n",
            ),
            edit(
                _LIMITS,
                '@app.post("/items")\ndef create_item(item: dict):\n',
                """\
class Item(BaseModel):
    name: str
    price: float | None = Field(default=None, ge=0)


@app.post("/items", response_model_exclude_unset=True)
def create_item(item: Item) -> Item:
""",
            ),
            run_test(_TEST_LIMITS),
        ),
        when("passed", then=calls(finish("What is no part of the model is left out."))),
    ),
    files={_LIMITS: "M", _TEST_LIMITS: "M"},
    diff={
        _LIMITS: Part(
            8,
            (
                "class Item(BaseModel):",
                "    name: str",
                "    price: float | None = Field(default=None, ge=0)",
                "def create_item(item: Item) -> Item:",
            ),
            ('@app.post("/items")', "def create_item(item: dict):"),
        ),
        _TEST_LIMITS: Part(12, ("def test_item_validates(item):",)),
    },
    never=("dict", "Any", "max_body_size"),
    words="What is no part of the model is left out.",
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
    look=(
        calls(
            read(_MIDDLEWARE),
            ("look", {"folder": "tests/test_tutorial/test_middleware"}),
            read(_TEST_MIDDLEWARE),
        ),
    ),
    plan={
        "title": "Add a middleware for request ids",
        "category": "feature",
        "steps": ["Add `add_request_id_header` in the manner of the other one"],
        "files": [_MIDDLEWARE],
    },
    proof=(Test(f"{_TEST_MIDDLEWARE}::test_request_id", "an id comes back, or a new one"),),
    tests=(
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
            finish("One test."),
        ),
    ),
    edit=(
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
            run_test(_TEST_MIDDLEWARE),
        ),
        when("passed", then=calls(finish("It wraps the one that is there."))),
    ),
    files={_MIDDLEWARE: "M", _TEST_MIDDLEWARE: "M"},
    diff={
        _MIDDLEWARE: Part(
            9,
            (
                "from uuid import uuid4",
                '@app.middleware("http")',
                "async def add_request_id_header(request: Request, call_next):",
                '    response.headers["X-Request-ID"] = request_id',
                "    return response",
            ),
        ),
        _TEST_MIDDLEWARE: Part(7, ("def test_request_id():",)),
    },
    # As the one that is there.
    never=("BaseHTTPMiddleware", "add_middleware", "X-Process-Time"),
    words="It wraps the one that is there.",
)

TASK = Story(
    name="background-task",
    project=PROJECT,
    title="Note updates of items in the background",
    body=(
        "`PUT /items/{item_id}` of bigger_applications should append the id to `fake_updates`, by"
        " FastAPI's background tasks, after the response was sent; refused updates are not noted."
    ),
    look=(
        calls(
            read(_ITEMS),
            read("docs_src/background_tasks/tutorial001.py"),
            ("search", {"text": "BackgroundTasks", "folder": "docs_src"}),
        ),
    ),
    plan={
        "title": "Note updates of items in the background",
        "category": "feature",
        "steps": ["Add `note_update`", "Add it as a background task"],
        "files": [_ITEMS],
    },
    proof=(
        Test(f"{_NEW_TESTS}::test_update_is_noted", "an update is noted"),
        Test(f"{_NEW_TESTS}::test_refused_update_is_not_noted", "a refused one is not"),
    ),
    tests=(
        calls(
            create(
                _NEW_TESTS,
                """\
import pytest
from fastapi.testclient import TestClient

from docs_src.bigger_applications.app.main import app

client = TestClient(app, headers={"X-Token": "fake-super-secret-token"})


@pytest.fixture
def noted():
    from docs_src.bigger_applications.app.routers.items import fake_updates

    fake_updates.clear()
    return fake_updates


def test_update_is_noted(noted):
    response = client.put("/items/plumbus?token=jessica")
    assert response.status_code == 200, response.text
    assert noted == ["plumbus"]


def test_refused_update_is_not_noted(noted):
    response = client.put("/items/gun?token=jessica")
    assert response.status_code == 403
    assert noted == []
""",
            ),
            run_test(_NEW_TESTS),
        ),
        calls(finish("Two tests.")),
    ),
    edit=(
        calls(
            edit(
                _ITEMS,
                "from fastapi import APIRouter, Depends, HTTPException\n",
                "from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException\n",
            ),
            edit(
                _ITEMS,
                'fake_items_db = {"plumbus": {"name": "Plumbus"}, "gun": {"name": "Portal Gun"}}\n',
                """\
fake_items_db = {"plumbus": {"name": "Plumbus"}, "gun": {"name": "Portal Gun"}}
fake_updates: list[str] = []


def note_update(item_id: str):
    fake_updates.append(item_id)
""",
            ),
            edit(
                _ITEMS,
                "async def update_item(item_id: str):\n",
                "async def update_item(item_id: str, background_tasks: BackgroundTasks):\n",
            ),
            edit(
                _ITEMS,
                '    return {"item_id": item_id, "name": "The great Plumbus"}\n',
                "    background_tasks.add_task(note_update, item_id)\n"
                '    return {"item_id": item_id, "name": "The great Plumbus"}\n',
            ),
            run_test(_NEW_TESTS, _TESTS),
        ),
        when("passed", then=calls(finish("The response does not wait for the note."))),
    ),
    files={_ITEMS: "M", _NEW_TESTS: "A"},
    diff={
        _ITEMS: Part(
            8,
            (
                "def note_update(item_id: str):",
                "async def update_item(item_id: str, background_tasks: BackgroundTasks):",
                "    background_tasks.add_task(note_update, item_id)",
            ),
            (
                "from fastapi import APIRouter, Depends, HTTPException",
                "async def update_item(item_id: str):",
            ),
        ),
        _NEW_TESTS: Part(26, ("def test_refused_update_is_not_noted(noted):",)),
    },
    never=("Thread", "create_task", "sleep("),
    words="The response does not wait for the note.",
)

STORIES = (ENDPOINT, BODY, MIDDLEWARE, TASK)
