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


def _whole(text: str) -> Snippet:
    """An application in one file."""
    head = "from fastapi import *\nfrom app.auth import *\n"
    return _asked({"app/main.py": head + text})


CASES = {
    "fastapi-auth": Cases(
        fails={
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
            "added by a call": _endpoint(
                "def users(): ...\nrouter.add_api_route('/users', users, methods=['PUT'])\n", 6
            ),
        },
        passes={
            "by a name that was assigned": _endpoint(
                "wanted = Depends(admin)\n@router.get('/users')\ndef users(user=wanted): ...\n"
            ),
            "a public path": _whole("app = FastAPI()\n@app.get('/health')\ndef f(): ...\n"),
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
            "dependencies that are computed": _endpoint(
                "@router.get('/users', dependencies=listed())\ndef users(): ...\n"
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
        },
    ),
}
