"""Changes that leave FastAPI endpoints open, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_CONFIG: dict[str, object] = {
    "fastapi": {
        "auth": [
            {"paths": ["/admin/**"], "dependency": "app.auth.admin"},
            {"paths": ["/**"], "dependency": "app.auth.current_user"},
        ],
        "public": ["/health", "/static/**"],
    }
}
_AUTH = """\
from typing import Annotated
from fastapi import Depends, HTTPException, Security

def token(): ...
def current_user(value=Depends(token)): ...
def admin(user: Annotated[str, Depends(current_user)]): ...
CurrentUser = Annotated[str, Depends(current_user)]
"""
_BASE: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/auth.py": _AUTH,
    "app/other.py": "def admin(): ...\ndef current_user(): ...\n",
    "app/main.py": (
        "from fastapi import FastAPI\nfrom app import views\napp = FastAPI()\n"
        "app.include_router(views.router, prefix='/admin')\n"
    ),
}
_IMPORTS = (
    "from fastapi import APIRouter, Depends, Security\nfrom typing import Annotated\n"
    "from app.auth import admin, current_user\nrouter = APIRouter()\n"
)
_OPEN = _IMPORTS + "@router.get('/users')\ndef users(): ...\n"
_KEPT = _IMPORTS + "@router.get('/users')\ndef users(user=Depends(admin)): ...\n"


def _asked(
    after: str | dict[str, str | bytes | None],
    line: int | None = None,
    **more: str | bytes,
) -> Snippet:
    files = {"app/views.py": after} if isinstance(after, str) else after
    base = _BASE | {path.replace("__", "/") + ".py": text for path, text in more.items()}
    return Snippet({**files}, base=base, line=line, config=_CONFIG)


def _endpoint(text: str, line: int | None = 5) -> Snippet:
    return _asked(_IMPORTS + text, line)


def _whole(text: str, line: int | None = None) -> Snippet:
    """An application in one file."""
    head = "from fastapi import *\nfrom app.auth import *\n"
    return _asked({"app/main.py": head + text}, line)


CASES = {
    "fastapi-auth": Cases(
        fails={
            "nothing is asked": _endpoint("@router.get('/users')\ndef users(): ...\n"),
            "the wrong one": _endpoint(
                "@router.get('/users')\ndef users(user=Depends(current_user)): ...\n"
            ),
            "of another module": _asked(
                _IMPORTS.replace("app.auth", "app.other")
                + "@router.get('/users')\nasync def users(user=Depends(admin)): ...\n",
                5,
            ),
            "the wrong one by an alias": _endpoint(
                "from app.auth import CurrentUser\n@router.get('/users')\n"
                "def users(user: CurrentUser): ...\n",
                6,
            ),
            "renamed on import": _endpoint(
                "from app.auth import current_user as boss\n@router.get('/users')\n"
                "def users(admin=Depends(boss)): ...\n",
                6,
            ),
            "asked without being depended on": _endpoint(
                "@router.delete('/users')\ndef users(user=admin): ...\n"
            ),
            "for types only": _endpoint(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
                "    x = Depends(admin)\n@router.get('/users')\ndef users(): ...\n",
                8,
            ),
            "a second endpoint": _asked(
                _KEPT + "@router.post('/users')\ndef add(): ...\n", 7, app__views=_KEPT
            ),
            "taken out of the signature": _asked(_OPEN, 5, app__views=_KEPT),
            "taken out of the router": _asked(
                "from fastapi import APIRouter, Depends\nfrom app.auth import admin\n"
                "router = APIRouter()\n@router.get('/users')\ndef users(): ...\n",
                4,
                app__views=(
                    "from fastapi import APIRouter, Depends\nfrom app.auth import admin\n"
                    "router = APIRouter(dependencies=[Depends(admin)])\n"
                    "@router.get('/users')\ndef users(): ...\n"
                ),
            ),
            "taken out where another file takes it in": _asked(
                {
                    "app/main.py": (
                        "from fastapi import FastAPI\nfrom app import views\napp = FastAPI()\n"
                        "app.include_router(views.router, prefix='/admin')\n"
                    )
                },
                4,
                app__views=_OPEN,
                app__main=(
                    "from fastapi import Depends, FastAPI\nfrom app import auth, views\n"
                    "app = FastAPI()\napp.include_router(views.router, prefix='/admin',"
                    " dependencies=[Depends(auth.admin)])\n"
                ),
            ),
            "a websocket": _endpoint("@router.websocket('/ws')\nasync def ws(socket): ...\n"),
            "added by a call": _endpoint(
                "def users(): ...\nrouter.add_api_route('/users', users, methods=['PUT'])\n", 6
            ),
            "by api_route": _endpoint(
                "@router.api_route('/users', methods=['GET', 'POST'])\ndef users(): ...\n"
            ),
            "of the application itself": _whole(
                "app = FastAPI()\n@app.get('/')\ndef f(): ...\n", 4
            ),
            "in a function that makes it": _whole(
                "def make():\n    app = FastAPI()\n    @app.get('/me')\n    def me(): ...\n"
                "    return app\n",
                5,
            ),
            "a mounted application asks for itself": _whole(
                "app = FastAPI(dependencies=[Depends(current_user)])\ninner = FastAPI()\n"
                "app.mount('/admin', inner)\n@inner.get('/x')\ndef x(): ...\n",
                6,
            ),
        },
        passes={
            "in the signature": _endpoint(
                "@router.get('/users')\ndef users(user=Depends(admin)): ...\n"
            ),
            "by Security": _endpoint(
                "@router.get('/users')\ndef users(user=Security(admin, scopes=['a'])): ...\n"
            ),
            "in an annotation": _endpoint(
                "@router.get('/users')\ndef users(*, user: Annotated[str, Depends(admin)]): ...\n"
            ),
            "in an annotation that is a text": _endpoint(
                "@router.get('/users')\ndef users(user: 'Annotated[str, Depends(admin)]'): ...\n"
            ),
            "by an alias of another module": _asked(
                _IMPORTS + "from app.kinds import Admin as A\n@router.get('/users')\n"
                "def users(u: A): ...\n",
                app__kinds=(
                    "from typing import Annotated\nfrom fastapi import Depends\n"
                    "from app import auth\nAdmin = Annotated[str, Depends(auth.admin)]\n"
                ),
            ),
            "in the decorator": _endpoint(
                "@router.get('/users', dependencies=[Depends(admin)])\ndef users(): ...\n"
            ),
            "in the router": _asked(
                _OPEN.replace("APIRouter()", "APIRouter(dependencies=[Depends(admin)])")
            ),
            "through another dependency": _endpoint(
                "def boss(user=Depends(admin)): ...\n@router.get('/users')\n"
                "def users(user=Depends(boss)): ...\n"
            ),
            "by a name that was assigned": _endpoint(
                "wanted = Depends(admin)\n@router.get('/users')\ndef users(user=wanted): ...\n"
            ),
            "a public path": _whole("app = FastAPI()\n@app.get('/health')\ndef f(): ...\n"),
            "as it was": _asked(_OPEN + "x = 1\n", app__views=_OPEN),
            "moved with its file": _asked(
                {
                    "app/pages.py": _OPEN,
                    "app/views.py": None,
                    "app/main.py": str(_BASE["app/main.py"]).replace("views", "pages"),
                },
                app__views=_OPEN,
            ),
            "a test": _asked(
                {
                    "tests/test_app.py": "from fastapi import *\napp = FastAPI()\n"
                    "@app.get('/x')\ndef f(): ...\n"
                }
            ),
            "no router": _endpoint("@cache.get('/users')\ndef users(): ...\n"),
            "no such configuration": Snippet(_OPEN, base=_BASE),
            "for the application": _asked(
                {
                    "app/main.py": "from fastapi import *\nfrom app.auth import *\n"
                    "app = FastAPI(dependencies=[Depends(admin)])\n"
                    "@app.get('/admin/x')\ndef f(): ...\n"
                }
            ),
        },
    ),
    "fastapi-auth-unknown": Cases(
        fails={
            "a router that nobody takes in": _asked(
                {
                    "app/lost.py": "from fastapi import APIRouter\nrouter = APIRouter()\n"
                    "@router.get('/x')\ndef x(): ...\n"
                },
                3,
            ),
            "a path that is computed": _endpoint(
                "@router.get(path_of('users'))\ndef users(): ...\n"
            ),
            "a prefix that is computed": _whole(
                "import os\napp = FastAPI()\nrouter = APIRouter(prefix=os.environ['P'])\n"
                "app.include_router(router)\n@router.get('/x')\ndef x(): ...\n",
                7,
            ),
            "dependencies that are computed": _endpoint(
                "@router.get('/users', dependencies=listed())\ndef users(): ...\n"
            ),
            "asked at times": _endpoint(
                "import os\nboss = admin if os.environ else current_user\n@router.get('/users')\n"
                "def users(user=Depends(boss)): ...\n",
                7,
            ),
            "asked under a condition": _endpoint(
                "@router.get('/users', dependencies=[Depends(admin)] if LIVE else [])\n"
                "def users(): ...\n"
            ),
            "a name that is bound twice": _endpoint(
                "from app.auth import current_user as admin\n@router.get('/users')\n"
                "def users(user=Depends(admin)): ...\n",
                6,
            ),
            "handed on by a call": _endpoint(
                "from somewhere import any_of\n@router.get('/users')\n"
                "def users(user=Depends(any_of(admin, current_user))): ...\n",
                6,
            ),
            "arguments that are handed on": _endpoint(
                "@router.get('/users', **words)\ndef users(): ...\n"
            ),
            "a router of one's own making": _asked(
                _IMPORTS + "class Guarded(APIRouter):\n    def __init__(self): ...\n"
                "router = Guarded()\n@router.get('/users')\ndef users(): ...\n",
                8,
            ),
            "a dependency of the configuration that is not there": Snippet(
                _OPEN,
                base=_BASE,
                config={"fastapi": {"auth": [{"paths": ["/**"], "dependency": "app.auth.nobody"}]}},
            ),
        },
        passes={
            "a prefix by a constant of settings": _asked(
                {
                    "app/main.py": "from fastapi import *\nfrom app.core import settings\n"
                    "from app import auth\napp = FastAPI()\nrouter = APIRouter(prefix=settings.API)\n"
                    "app.include_router(router)\n"
                    "@router.get('/x')\ndef x(u=Depends(auth.current_user)): ...\n"
                },
                app__core="class Settings:\n    API: str = '/v1'\nsettings = Settings()\n",
            ),
            "all that may be demanded": _endpoint(
                "@router.get(path_of('users'))\ndef users(u=Depends(admin)): ...\n"
            ),
            "a formatted text": _endpoint(
                "NAME = 'users'\n@router.get(f'/{NAME}')\ndef users(u=Depends(admin)): ...\n"
            ),
            "unchanged": _asked(
                {
                    "app/lost.py": "from fastapi import APIRouter\nrouter = APIRouter()\n"
                    "@router.get('/x')\ndef x(): return 2\n"
                },
                app__lost="from fastapi import APIRouter\nrouter = APIRouter()\n"
                "@router.get('/x')\ndef x(): return 1\n",
            ),
            "a client": _endpoint("import httpx\nhttpx.get('/users')\n"),
            "no such configuration": Snippet(_OPEN, base=_BASE),
        },
    ),
}
