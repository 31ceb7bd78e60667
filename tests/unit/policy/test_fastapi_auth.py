"""Applications of several modules, laid out as real ones are: which endpoints a change leaves open."""

from __future__ import annotations

import pytest

from agent.policy.proposal import Proposal
from agent.policy.web import fastapi_auth
from agent.policy.web.fastapi_auth import matches
from tests.unit.policy.cases import blocking, change, config, project, review

# --- the official template: backend/, settings with the prefix, aliases of dependencies ---------

TEMPLATE: dict[str, str | bytes] = {
    "backend/app/__init__.py": "",
    "backend/app/core/__init__.py": "",
    "backend/app/core/config.py": (
        "from pydantic_settings import BaseSettings\n\n"
        "class Settings(BaseSettings):\n    API_V1_STR: str = '/api/v1'\n\n"
        "settings = Settings()\n"
    ),
    "backend/app/api/__init__.py": "",
    "backend/app/api/deps.py": (
        "from collections.abc import Generator\n"
        "from typing import Annotated\n\n"
        "from fastapi import Depends, HTTPException\n"
        "from fastapi.security import OAuth2PasswordBearer\n"
        "from sqlmodel import Session\n\n"
        "from app.core.config import settings\n"
        "from app.models import User\n\n"
        "reusable = OAuth2PasswordBearer(tokenUrl=f'{settings.API_V1_STR}/login/access-token')\n\n"
        "def get_db() -> Generator[Session, None, None]: ...\n\n"
        "SessionDep = Annotated[Session, Depends(get_db)]\n"
        "TokenDep = Annotated[str, Depends(reusable)]\n\n"
        "def get_current_user(session: SessionDep, token: TokenDep) -> User: ...\n\n"
        "CurrentUser = Annotated[User, Depends(get_current_user)]\n\n"
        "def get_current_active_superuser(current_user: CurrentUser) -> User: ...\n"
    ),
    "backend/app/models.py": "class User: ...\n",
    "backend/app/api/routes/__init__.py": "",
    "backend/app/api/routes/users.py": (
        "from fastapi import APIRouter, Depends\n"
        "from app.api.deps import CurrentUser, SessionDep, get_current_active_superuser\n\n"
        "router = APIRouter(prefix='/users', tags=['users'])\n\n"
        "@router.get('/', dependencies=[Depends(get_current_active_superuser)])\n"
        "def read_users(session: SessionDep): ...\n\n"
        "@router.get('/me')\ndef read_user_me(current_user: CurrentUser): ...\n"
    ),
    "backend/app/api/main.py": (
        "from fastapi import APIRouter\n\nfrom app.api.routes import users\n\n"
        "api_router = APIRouter()\n"
        "api_router.include_router(users.router)\n"
    ),
    "backend/app/main.py": (
        "from fastapi import FastAPI\n\nfrom app.api.main import api_router\n"
        "from app.core.config import settings\n\n"
        "app = FastAPI(openapi_url=f'{settings.API_V1_STR}/openapi.json')\n"
        "app.include_router(api_router, prefix=settings.API_V1_STR)\n"
    ),
}
TEMPLATE_AUTH = {
    "auth": [{"paths": ["/api/v1/**"], "dependency": "app.api.deps.get_current_user"}],
    "public": ["/api/v1/login/**"],
}

# --- "bigger applications" of the documentation: dependencies where routers are taken in -----------

BIGGER: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/dependencies.py": (
        "from typing import Annotated\nfrom fastapi import Header\n\n"
        "async def get_token_header(x_token: Annotated[str, Header()]): ...\n"
        "async def get_query_token(token: str): ...\n"
    ),
    "app/internal/__init__.py": "",
    "app/internal/admin.py": (
        "from fastapi import APIRouter\n\nrouter = APIRouter()\n\n"
        "@router.post('/')\nasync def update_admin(): ...\n"
    ),
    "app/routers/__init__.py": "",
    "app/routers/items.py": (
        "from fastapi import APIRouter, Depends\nfrom ..dependencies import get_token_header\n\n"
        "router = APIRouter(prefix='/items', dependencies=[Depends(get_token_header)])\n\n"
        "@router.get('/')\nasync def read_items(): ...\n"
    ),
    "app/main.py": (
        "from fastapi import Depends, FastAPI\n\n"
        "from .dependencies import get_query_token, get_token_header\n"
        "from .internal import admin\nfrom .routers import items\n\n"
        "app = FastAPI(dependencies=[Depends(get_query_token)])\n\n"
        "app.include_router(items.router)\n"
        "app.include_router(\n    admin.router,\n    prefix='/admin',\n"
        "    dependencies=[Depends(get_token_header)],\n)\n"
    ),
}
BIGGER_AUTH = {
    "auth": [
        {"paths": ["/admin/**", "/items/**"], "dependency": "app.dependencies.get_token_header"},
        {"paths": ["/**"], "dependency": "app.dependencies.get_query_token"},
    ]
}

# --- a factory: routers made by functions, taken in by loops, roles by calls, classes ---------------

FACTORY: dict[str, str | bytes] = {
    "src/shop/__init__.py": "",
    "src/shop/security/__init__.py": "from .roles import RequireRole, signed_in\n",
    "src/shop/security/roles.py": (
        "from fastapi import Depends, Request\n\n"
        "def signed_in(request: Request): ...\n\n"
        "class RequireRole:\n    def __init__(self, role): ...\n"
        "    def __call__(self, user=Depends(signed_in)): ...\n\n"
        "admin = RequireRole('admin')\neditor = RequireRole('editor')\n"
    ),
    "src/shop/orders.py": (
        "from fastapi import APIRouter, Depends\nfrom shop.security.roles import admin, editor\n\n"
        "def get_router() -> APIRouter:\n"
        "    router = APIRouter(prefix='/orders')\n\n"
        "    @router.get('/{order_id}')\n    def one(order_id: int, user=Depends(editor)): ...\n\n"
        "    return router\n"
    ),
    "src/shop/bills.py": (
        "from fastapi import APIRouter, Depends\nfrom shop.security import signed_in\n\n"
        "router = APIRouter()\n\n"
        "class Bills:\n    user = Depends(signed_in)\n\n"
        "    @router.get('/bills')\n    def every(self): ...\n"
    ),
    "src/shop/app.py": (
        "from fastapi import FastAPI\n\nfrom shop import bills, orders\n\n"
        "def create_app() -> FastAPI:\n    app = FastAPI(root_path='/shop')\n"
        "    register(app)\n    return app\n\n"
        "def register(app: FastAPI) -> None:\n"
        "    for router, prefix in ((bills.router, '/v1'), (orders.get_router(), '/v1')):\n"
        "        app.include_router(router, prefix=prefix)\n"
    ),
}
FACTORY_AUTH = {
    "auth": [
        {"paths": ["/shop/v1/orders/**"], "dependency": "shop.security.roles.admin"},
        {"paths": ["/**"], "dependency": "shop.security.signed_in"},
    ]
}


def findings(base, section, edits, **more):
    after = dict(edits)
    made, tree = change(after, base)
    proposal = Proposal(made, config(fastapi=section, **more), project("3.11"), tree)
    return list(fastapi_auth.check(proposal))


def appended(base, path, text):
    return {path: str(base[path]) + text}


@pytest.mark.parametrize(
    ("base", "section"),
    [(TEMPLATE, TEMPLATE_AUTH), (BIGGER, BIGGER_AUTH)],
    ids=["template", "bigger applications"],
)
def test_an_application_that_keeps_its_rules_is_left_alone_whatever_file_is_new(base, section):
    assert findings({}, section, base) == []
    for path in base:
        rest = {other: text for other, text in base.items() if other != path}
        assert findings(rest, section, {path: base[path]}) == []


def test_an_endpoint_of_the_template_without_a_user_is_found_at_its_whole_path():
    edit = appended(
        TEMPLATE, "backend/app/api/routes/users.py",
        "\n@router.delete('/{user_id}')\ndef delete_user(session: SessionDep, user_id: int): ...\n",
    )  # fmt: skip
    (found,) = findings(TEMPLATE, TEMPLATE_AUTH, edit)
    assert (found.rule, found.line) == ("fastapi-auth", 12)
    assert "DELETE /api/v1/users/{user_id}" in found.message
    assert "app.api.deps.get_current_user" in found.message


def test_a_dependency_that_no_longer_asks_opens_the_endpoints_of_other_files():
    path = "backend/app/api/deps.py"
    text = str(TEMPLATE[path]).replace("superuser(current_user: CurrentUser)", "superuser()")
    (found,) = findings(TEMPLATE, TEMPLATE_AUTH, {path: text})
    assert (found.rule, found.path) == ("fastapi-auth", path)
    assert "backend/app/api/routes/users.py" in found.message


def test_a_configured_name_that_is_a_reexport_is_the_same_dependency():
    section = {"auth": [{"paths": ["/**"], "dependency": "app.deps.current"}]}
    base = {
        "app/__init__.py": "",
        "app/deps.py": "from app.users import current\n",
        "app/users.py": "def current(): ...\n",
    }
    main = (
        "from fastapi import Depends, FastAPI\nfrom app import users\napp = FastAPI()\n"
        "@app.get('/')\ndef home(user=Depends(users.{})): ...\n"
    )
    assert findings(base, section, {"app/main.py": main.format("current")}) == []
    base["app/users.py"] += "def other(): ...\n"
    (found,) = findings(base, section, {"app/main.py": main.format("other")})
    assert (found.rule, found.line) == ("fastapi-auth", 4)


def test_dependencies_of_a_router_that_are_taken_away_are_found_at_its_endpoints():
    path = "app/routers/items.py"
    text = str(BIGGER[path]).replace(", dependencies=[Depends(get_token_header)]", "")
    (found,) = findings(BIGGER, BIGGER_AUTH, {path: text})
    assert (found.path, found.line) == (path, 6)


def test_a_router_taken_in_under_another_prefix_needs_what_that_prefix_demands():
    text = str(BIGGER["app/main.py"]).replace("prefix='/admin'", "prefix='/items/admin'")
    assert findings(BIGGER, BIGGER_AUTH, {"app/main.py": text}) == []
    again = str(BIGGER["app/main.py"]) + "app.include_router(admin.router, prefix='/items')\n"
    (found,) = findings(BIGGER, BIGGER_AUTH, {"app/main.py": again})
    assert (found.path, found.line) == ("app/main.py", 15)
    assert "POST /items/" in found.message


def test_a_router_that_takes_in_another_hands_its_prefix_and_dependencies_on():
    text = (
        "from fastapi import APIRouter\nfrom app.routers import items\n\n"
        "parts = APIRouter(prefix='/parts')\n"
        "items.router.include_router(parts)\n"
        "@parts.get('/{part_id}')\ndef part(): ...\n"
    )
    path = "app/routers/parts.py"
    assert findings(BIGGER, BIGGER_AUTH, {path: text}) == []
    plain = {"app/routers/items.py": "from fastapi import APIRouter\nrouter = APIRouter()\n"}
    main = str(BIGGER["app/main.py"]).replace("(items.router)", "(items.router, prefix='/items')")
    base = {**BIGGER, **plain, "app/main.py": main}
    (found,) = blocking(findings(base, BIGGER_AUTH, {path: text}))
    assert "GET /items/parts/{part_id}" in found.message


def test_routers_of_functions_and_loops_are_followed_to_the_right_role_or_the_wrong_one():
    path = "src/shop/orders.py"
    (found,) = findings({}, FACTORY_AUTH, FACTORY)
    assert (found.rule, found.path, found.line) == ("fastapi-auth", path, 7)
    assert "GET /shop/v1/orders/{order_id}" in found.message
    right = str(FACTORY[path]).replace("Depends(editor)", "Depends(admin)")
    assert findings({}, FACTORY_AUTH, {**FACTORY, path: right}) == []


def test_an_endpoint_that_was_open_is_not_held_against_a_change_of_its_body():
    path = "app/internal/admin.py"
    open_main = str(BIGGER["app/main.py"]).replace(
        "    dependencies=[Depends(get_token_header)],\n", ""
    )
    base = {**BIGGER, "app/main.py": open_main}
    edit = {path: str(BIGGER[path]).replace("(): ...", "():\n    return 1")}
    assert findings(base, BIGGER_AUTH, edit) == []


def test_a_decorator_that_may_change_the_signature_is_for_the_reviewer():
    base = {
        **BIGGER,
        "app/guard.py": (
            "import inspect\nfrom fastapi import Depends\n"
            "def guarded(f):\n    f.__signature__ = inspect.signature(f)\n    return f\n"
        ),
    }
    edit = appended(
        BIGGER, "app/internal/admin.py",
        "from app.guard import guarded\n@router.get('/x')\n@guarded\ndef x(): ...\n",
    )  # fmt: skip
    plain = {"app/main.py": str(BIGGER["app/main.py"]).replace("[Depends(get_token_header)]", "[]")}
    found = findings({**base, **plain}, BIGGER_AUTH, edit)
    assert blocking(found) == []
    assert [one.rule for one in review(found)] == ["fastapi-auth-unknown"]


def test_applications_of_tests_give_endpoints_no_further_paths():
    base = {
        **BIGGER,
        "tests/test_items.py": (
            "from fastapi import FastAPI\nfrom app.internal import admin\n"
            "app = FastAPI()\napp.include_router(admin.router)\n"
        ),
    }
    edit = appended(
        BIGGER, "app/internal/admin.py", "@router.get('/x')\nasync def x(): ...\n"
    )  # fmt: skip
    assert findings(base, BIGGER_AUTH, edit) == []


def test_modules_that_take_in_each_other_come_to_an_end():
    base = {
        "app/__init__.py": "",
        "app/auth.py": "def user(): ...\n",
        "app/a.py": (
            "from fastapi import APIRouter\nfrom app import b\nrouter = APIRouter()\n"
            "router.include_router(b.router)\n"
        ),
        "app/b.py": (
            "from fastapi import APIRouter\nfrom app import a\nrouter = APIRouter()\n"
            "router.include_router(a.router)\n"
        ),
    }
    section = {"auth": [{"paths": ["/**"], "dependency": "app.auth.user"}]}
    edit = appended(base, "app/a.py", "@router.get('/x')\ndef x(): ...\n")
    findings(base, section, edit)


def test_what_does_not_concern_endpoints_reads_nothing():
    made, tree = change({"app/models.py": "class User: ...\n"}, BIGGER)
    proposal = Proposal(made, config(fastapi=BIGGER_AUTH), project("3.11"), tree)
    assert list(fastapi_auth.check(proposal)) == []
    assert tree.reads == []


@pytest.mark.parametrize(
    ("pattern", "url", "expected"),
    [
        ("/**", "/", True),
        ("/admin/**", "/admin/users/{id}", True),
        ("/admin/**", "/administrators", False),
        ("/*/me", "/users/x/me", False),
        ("/**/me", "/users/x/me/", True),
        ("/v.1", "/vx1", False),
    ],
)
def test_patterns_of_url_paths(pattern, url, expected):
    assert matches(pattern, url) is expected
