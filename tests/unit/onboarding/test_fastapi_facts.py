"""Which application there is, and which dependency may guard its endpoints."""

from __future__ import annotations

from agent.onboarding import fastapi_facts, written
from agent.onboarding.facts import Evidence
from repo_config import load

AUTH = """\
from fastapi import Depends
def get_db(): ...
def current_user(db=Depends(get_db)): ...
def admin(user=Depends(current_user)): ...
"""
ADMIN = """\
from typing import Annotated
from fastapi import APIRouter, Depends
from app.auth import admin
router = APIRouter(prefix="/admin", dependencies=[Depends(admin)])
@router.get("/users")
def users(): ...
@router.delete("/users/{id}")
def remove(id: int): ...
"""
ORDERS = """\
from typing import Annotated
from fastapi import APIRouter, Depends
from app.auth import current_user
User = Annotated[object, Depends(current_user)]
router = APIRouter()
@router.get("/orders")
def orders(user: User): ...
@router.post("/orders")
def order(user: User): ...
"""
MAIN = """\
from fastapi import FastAPI
from app import admin_api, orders
app = FastAPI()
app.include_router(admin_api.router)
app.include_router(orders.router)
@app.get("/health")
def health(): ...
"""
FILES = {
    "pyproject.toml": "[project]\nname='x'\ndependencies = ['fastapi']\n",
    "app/__init__.py": "",
    "app/auth.py": AUTH,
    "app/admin_api.py": ADMIN,
    "app/orders.py": ORDERS,
    "app/main.py": MAIN,
}


def auth(made) -> object:
    return {one.key: one for one in fastapi_facts.counted(Evidence(made))}.get("fastapi.auth")


def test_what_most_modules_depend_on_for_rights_is_proposed_to_a_person(tree):
    more = (
        "from fastapi import Security\nfrom .auth import current_user\nx = Security(current_user)\n"
    )
    found = auth(tree(FILES | {"app/more.py": more}))
    assert found is not None
    assert found.value == [{"paths": ["/**"], "dependency": "app.auth.current_user"}]
    proposal = written.propose(tree(FILES))
    assert '# fastapi: {auth: [{paths: ["/**"], dependency: app.auth.' in proposal.text
    assert load.from_text(proposal.text, "x.yml").fastapi.auth == ()


def test_what_is_no_matter_of_rights_or_of_a_library_is_none(tree):
    files = FILES | {
        "app/auth.py": "from fastapi import Depends\ndef get_db(): ...\nx = Depends(get_db)\n",
        "app/orders.py": ORDERS.replace("current_user", "get_db"),
        "app/admin_api.py": ADMIN.replace("app.auth", "fastapi_login"),
    }
    assert auth(tree(files)) is None
