"""Which endpoints a change leaves open, as its source says."""

import pytest

from agent.policy import fastapi_auth
from tests.unit.policy import cases

AUTH = {
    "auth": [
        {"paths": ["/admin/**"], "dependency": "app.deps.admin"},
        {"paths": ["/orders/**", "/old"], "dependency": "app.deps.user"},
    ]
}
MAIN = """
from fastapi import APIRouter, Depends, FastAPI
from app import deps
from app.api import orders_router
from app.config import settings

app = FastAPI()
area = APIRouter(prefix="/admin", dependencies=[Depends(deps.admin)])
app.include_router(orders_router, prefix=settings.ORDERS)
app.include_router(area)

@app.get("/old")
def old(): ...

@area.get("/all")
def every(): ...
"""
ORDERS = """
from typing import Annotated
from fastapi import APIRouter, Depends
from app.deps import CurrentUser, Named, user

router = APIRouter()

@router.get("/mine")
def mine(who: CurrentUser): ...

@router.get("/named")
async def named(who=Depends(Named("a"))): ...

@router.post("", dependencies=[Depends(user)])
def add(): ...
"""
DEPS = """
from typing import Annotated
from fastapi import Depends
from app.tokens import read

def user():
    return read()

def admin(who: CurrentUser):
    'Let no others in.'
    return who

CurrentUser = Annotated[dict, Depends(user)]

class Named:
    def __call__(self, who: CurrentUser): ...

def other():
    return 1
"""
FILES: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/main.py": MAIN,
    "app/api/__init__.py": "from .orders import router as orders_router\n",
    "app/api/orders.py": ORDERS,
    "app/config.py": (
        "from pydantic_settings import BaseSettings\n\nclass Settings(BaseSettings):\n"
        "    ORDERS: str = '/orders'\n\nsettings = Settings()\n"
    ),
    "app/deps.py": DEPS,
    "app/tokens.py": "KEYS = {1: 2}\n\n\ndef read():\n    return KEYS.get(1)\n\n\nN = 1\n",
}


def found(after: dict[str, str | bytes | None], rule: str = "fastapi-auth") -> list[str]:
    made, tree = cases.change(after, FILES)
    context = cases.make_context(made, cases.config(fastapi=AUTH), cases.project("3.11"), tree)
    several = fastapi_auth.check_change(context)
    return [f"{one.path}:{one.line} {one.message}" for one in several if one.rule == rule]


def edit(name: str, old: str, new: str, rule: str = "fastapi-auth") -> list[str]:
    path = f"app/{name}.py"
    assert old in str(FILES[path])
    return found({path: str(FILES[path]).replace(old, new)}, rule)


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("api/orders", "who: CurrentUser", "who: dict", "answers GET /orders/mine without"),
        ("api/orders", 'who=Depends(Named("a"))', "", "answers GET /orders/named without"),
        ("api/orders", ", dependencies=[Depends(user)]", "", "answers POST /orders without"),
        # Of a router, of what one includes it by, and of what a dependency asks for itself.
        ("main", ", dependencies=[Depends(deps.admin)]", "", "answers GET /admin/all without"),
        ("config", "'/orders'", "'/admin'", "answers GET /admin/mine without"),
        ("deps", "who: CurrentUser", "who: dict", "answers GET /orders/named without"),
        ("main", 'prefix="/admin"', "prefix=make()", ""),
    ],
)
def test_an_endpoint_that_loses_what_its_path_demands_is_found(name, old, new, says):
    messages = edit(name, old, new)
    assert any(f"{says} depending on app.deps." in message for message in messages) is bool(says)


def test_an_endpoint_whose_whole_path_is_not_known_goes_on_to_ask_for_what_it_did():
    hidden = {
        "app/main.py": MAIN.replace("app.include_router(orders_router", "mount(orders_router")
    }
    assert found(hidden) == []
    open_too = {**hidden, "app/api/orders.py": ORDERS.replace("who: CurrentUser", "who: dict")}
    [message] = found(open_too)
    assert "answers GET /{}/mine without depending on app.deps.user" in message


def test_what_was_open_before_is_left_alone():
    assert edit("main", '@app.get("/old")', '@app.post("/old")') == []
    assert edit("main", '"/old")\ndef old', '"/old")\ndef other') == []


@pytest.mark.parametrize(
    ("path", "asks", "demanded"),
    [
        ("/orders", "", "app.deps.user"),
        ("/orders/{number}/x", "", "app.deps.user"),
        ("/admin/users", "=Depends(deps.user)", "app.deps.admin"),
        ("/admin/users", "=Depends(deps.admin)", ""),
        ("/orders/{number}", "=Depends(deps.user)", ""),
        ("/orders2", "", ""),
        ("/shops/{name}/admin", "", ""),
    ],
)
def test_a_new_endpoint_has_what_its_path_demands(path, asks, demanded):
    route = f"\n\n@app.get({path!r})\ndef new(who{asks}): ...\n"
    messages = found({"app/main.py": MAIN + route})
    assert len(messages) == bool(demanded)
    assert all(f"GET {path} without depending on {demanded}" in message for message in messages)


def test_a_new_endpoint_on_no_path_and_a_path_without_an_endpoint_are_listed():
    new = '@app.get("/health")\ndef health(): ...\n\n@app.get("/old")'
    [message] = edit("main", '@app.get("/old")', new, "fastapi-auth-uncovered")
    assert message == "app/main.py:13 answers GET /health, which fastapi.auth does not cover."
    [*_, message] = edit("main", "/admin", "/boss", "fastapi-auth-uncovered")
    assert message == ":None no endpoint was found for /admin/** of fastapi.auth."


@pytest.mark.parametrize(
    ("name", "old", "new", "is_found"),
    [
        ("deps", "return read()", "return 1", True),
        # FastAPI acts by annotations.
        ("deps", "admin(who: CurrentUser)", "admin(who: dict)", True),
        ("tokens", "KEYS.get(1)", "1", True),
        ("config", "'/orders'", "'/order'", False),
        ("deps", "Let no others in.", "Let them in.", False),
    ],
)
def test_an_edit_of_a_module_with_a_dependency_or_of_one_that_it_imports_is_found(
    name, old, new, is_found
):
    paths = [message for message in edit(name, old, new) if " is edited" in message]
    assert [message.partition(":")[0] for message in paths] == [f"app/{name}.py"] * is_found
