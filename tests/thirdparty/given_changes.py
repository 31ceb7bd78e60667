"""Changes to released projects: what a hasty author would send in, and the same done right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.given import Files
from tests.thirdparty.projects import CONSTANCE, SLUGIFY
from tests.thirdparty.sources import Source

Edit = Callable[[Path], Files]


@dataclass(frozen=True)
class Ground:
    """A project that changes are made to."""

    source: Source
    config: str
    """For `.github/mergewright.yml`, as its maintainers would write it."""
    moved: tuple[str, str] = ("", "")
    """A folder, and the one that it is moved to; names in the code follow."""


@dataclass(frozen=True)
class Given:
    """A bad change, and its corrected twin."""

    ground: Ground
    ticket: str
    """The first line is the title."""
    bad: Edit
    good: Edit
    reason: str
    """Why the bad one is withheld."""
    named_by: str
    """The rule, or the check, that has to say it."""
    place: str
    """The file that has to be named."""


CONSTANCE_GROUND = Ground(CONSTANCE.source, f"{CONSTANCE.config}concurrency: {{mode: sync}}\n")
SLUGIFY_GROUND = Ground(SLUGIFY.source, "")
TLDEXTRACT = Ground(
    Source(
        "tldextract", "5.4.0", "6c9223212c15c25c0da2bf7313893c14f175cb36b64a0c42da67a468e0c61ee3"
    ),
    "http_client: requests\n",
)
# The larger one of the tutorial's applications, with the tests that its authors keep for it. It is
# moved out of the examples, which nobody expects a login of.
FASTAPI = Ground(
    Source(
        "fastapi", "0.165.0", "dd94d4128319c1e1d50535ab023ab698f850a4d2822f0e181747b46f4ff3c0ab"
    ),
    "python:\n"
    "  extras: []\n"
    "  groups: []\n"
    "  install: [pytest, httpx, httpx2, inline-snapshot, dirty-equals, python-multipart, pytest-timeout]\n"
    "checks:\n"
    "  types: {tool: 'off'}\n"
    "  lint: 'off'\n"
    "  tests: {runner: pytest, args: [tests/test_tutorial/test_bigger_applications]}\n"
    "fastapi:\n"
    "  auth:\n"
    "    - paths: [/items/**, /admin/**]\n"
    "      dependency: bigger_applications.app.dependencies.get_token_header\n"
    "    - paths: [/**]\n"
    "      dependency: bigger_applications.app.dependencies.get_query_token\n",
    moved=("docs_src/bigger_applications", "bigger_applications"),
)


def _replaced(path: str, *pairs: tuple[str, str]) -> Edit:
    """Edit a file by replacing texts that it holds once."""

    def edit(tree: Path) -> Files:
        text = (tree / path).read_text(encoding="utf-8")
        for old, new in pairs:
            assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
            text = text.replace(old, new)
        return {path: text}

    return edit


def _and(*edits: Edit) -> Edit:
    return lambda tree: {path: text for edit in edits for path, text in edit(tree).items()}


def _new(path: str, text: str) -> Edit:
    return lambda tree: {path: text}


# --- migrations -------------------------------------------------------------------------------

_MODELS = "constance/models.py"
_FIELD = _replaced(
    _MODELS,
    (
        "editable=False)\n",
        'editable=False)\n    note = models.CharField(max_length=100, blank=True, default="")\n',
    ),
)
_MIGRATION = """from django.db import migrations
from django.db import models


class Migration(migrations.Migration):
    dependencies = [("constance", "0003_drop_pickle")]

    operations = [
        migrations.AddField(
            model_name="constance",
            name="note",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
EXCESS    ]
"""
_EXCESS = """\
        migrations.RenameField(model_name="constance", old_name="key", new_name="label"),
        migrations.RenameField(model_name="constance", old_name="label", new_name="key"),
"""
_WITH_MIGRATION = _new(
    "constance/migrations/0004_constance_note.py", _MIGRATION.replace("EXCESS", "")
)
_WITH_EXCESS = _new(
    "constance/migrations/0004_constance_note.py", _MIGRATION.replace("EXCESS", _EXCESS)
)
_TEST = _new(
    "tests/test_note.py",
    "from constance.models import Constance\n\n\n"
    'def test_note_is_empty():\n    assert Constance().note == ""\n',
)
_ADD_NOTE = (
    "Add a field note to Constance\n\nA CharField of at most 100 characters, may be blank.\n"
)

# --- views ------------------------------------------------------------------------------------

_VIEW = (
    "from django.http import HttpResponse\n\n\n"
    '{}def health(request):\n    return HttpResponse("ok")\n'
)
_HEALTH_TEST = _new(
    "tests/test_health.py",
    "from django.test import RequestFactory\n\nfrom constance.views import health\n\n\n"
    'def test_health():\n    assert health(RequestFactory().get("/")).content == b"ok"\n',
)

# --- code that an older Python does not have ---------------------------------------------------

_UTILS = "constance/utils.py"
_NEWER = (
    "\n\ndef read_defaults(path):\n"
    "    import tomllib\n\n"
    '    try:\n        with open(path, "rb") as file:\n            return tomllib.load(file)\n'
    "    except* OSError:\n        return {}\n"
)
_OLDER = (
    "\n\ndef read_defaults(path):\n"
    '    try:\n        with open(path, "rb") as file:\n            return json.load(file)\n'
    "    except OSError:\n        return {}\n"
)


def _appended(path: str, text: str, *, head: str = "") -> Edit:
    def edit(tree: Path) -> Files:
        return {path: head + (tree / path).read_text(encoding="utf-8").rstrip("\n") + "\n" + text}

    return edit


_DEFAULTS_TEST = _new(
    "tests/test_defaults.py",
    "from constance.utils import read_defaults\n\n\n"
    "def test_defaults_of_no_file(tmp_path):\n"
    '    assert read_defaults(tmp_path / "none") == {}\n',
)

# --- another client, an invented name, a test of nothing ----------------------------------------

_SUFFIXES = "tldextract/suffix_list.py"
_FETCHED = '\n\ndef reachable(url: str) -> bool:\n    """Say whether a list can be fetched."""\n'
_SLUGS = "slugify/slugify.py"
_FOLDED = (
    "\n\ndef folded(text: str) -> str:\n"
    '    """Return the text in its compatible form."""\n'
    '    return unicodedata.{}("NFKC", text)\n'
)

# --- endpoints ----------------------------------------------------------------------------------

_ROUTERS = "bigger_applications/app/routers"
_PRICES = (
    "from fastapi import APIRouter, Depends\n\nfrom ..dependencies import {0}\n\n"
    'router = APIRouter(prefix="/items", dependencies=[Depends({0})])\n\n\n'
    '@router.get("/{{item_id}}/price", include_in_schema=False)\nasync def read_price(item_id: str):\n'
    '    return {{"item_id": item_id, "price": 3}}\n'
)
_MOUNTED = _replaced(
    "bigger_applications/app/main.py",
    ("from .routers import items, users\n", "from .routers import items, prices, users\n"),
    (
        "app.include_router(items.router)\n",
        "app.include_router(items.router)\napp.include_router(prices.router)\n",
    ),
)
_PRICE_TEST = _new(
    "tests/test_tutorial/test_bigger_applications/test_prices.py",
    "from bigger_applications.app.main import app\nfrom fastapi.testclient import TestClient\n\n\n"
    "def test_price():\n"
    "    answer = TestClient(app).get(\n"
    '        "/items/plumbus/price?token=jessica", headers={"X-Token": "fake-super-secret-token"}\n'
    "    )\n"
    '    assert answer.json() == {"item_id": "plumbus", "price": 3}\n',
)

CASES = {
    "a forgotten migration": Given(
        CONSTANCE_GROUND, _ADD_NOTE,
        bad=_and(_FIELD, _TEST),
        good=_and(_FIELD, _WITH_MIGRATION, _TEST),
        reason="new_failures", named_by="makemigrations", place="constance",
    ),
    "an operation that nobody asked for": Given(
        CONSTANCE_GROUND, _ADD_NOTE,
        bad=_and(_FIELD, _WITH_EXCESS, _TEST),
        good=_and(_FIELD, _WITH_MIGRATION, _TEST),
        reason="policy", named_by="migration-unasked",
        place="constance/migrations/0004_constance_note.py",
    ),
    "an async view in a sync project": Given(
        CONSTANCE_GROUND, "Add a health view\n\nIt answers ok.\n",
        bad=_and(_new("constance/views.py", _VIEW.format("async ")), _HEALTH_TEST),
        good=_and(_new("constance/views.py", _VIEW.format("")), _HEALTH_TEST),
        reason="policy", named_by="concurrency", place="constance/views.py",
    ),
    "syntax and library of a newer Python": Given(
        CONSTANCE_GROUND, "Read defaults from a file\n\nWithout the file there are none.\n",
        bad=_and(_appended(_UTILS, _NEWER), _DEFAULTS_TEST),
        good=_and(_appended(_UTILS, _OLDER, head="import json\n"), _DEFAULTS_TEST),
        reason="policy", named_by="python-syntax", place=_UTILS,
    ),
    "a second HTTP client": Given(
        TLDEXTRACT, "Say whether a suffix list can be fetched\n\nA function `reachable(url)`.\n",
        bad=_appended(
            _SUFFIXES,
            f"{_FETCHED}    import urllib.request\n\n"
            "    return urllib.request.urlopen(url, timeout=5).status == 200\n",
        ),
        good=_appended(
            _SUFFIXES, f"{_FETCHED}    return requests.head(url, timeout=5).status_code == 200\n"
        ),
        reason="policy", named_by="http-client", place=_SUFFIXES,
    ),
    "an invented function": Given(
        SLUGIFY_GROUND, "Fold a text\n\nA function `folded(text)` that gives its compatible form.\n",
        bad=_appended(_SLUGS, _FOLDED.format("normalise")),
        good=_appended(_SLUGS, _FOLDED.format("normalize")),
        reason="new_failures", named_by="mypy", place=_SLUGS,
    ),
    "a test that asserts nothing": Given(
        SLUGIFY_GROUND, "Test that dots become dashes\n\nThere is no test of it.\n",
        bad=_new(
            "tests/test_dots.py",
            'from slugify import slugify\n\n\ndef test_dots():\n    slugify("a.b")\n',
        ),
        good=_new(
            "tests/test_dots.py",
            "from slugify import slugify\n\n\n"
            'def test_dots():\n    assert slugify("a.b") == "a-b"\n',
        ),
        reason="policy", named_by="test-asserts-nothing", place="tests/test_dots.py",
    ),
    "the wrong auth dependency": Given(
        FASTAPI, "Tell the price of an item\n\nAt /items/{item_id}/price.\n",
        bad=_and(_new(f"{_ROUTERS}/prices.py", _PRICES.format("get_query_token")), _MOUNTED, _PRICE_TEST),
        good=_and(_new(f"{_ROUTERS}/prices.py", _PRICES.format("get_token_header")), _MOUNTED, _PRICE_TEST),
        reason="policy", named_by="fastapi-auth", place=f"{_ROUTERS}/prices.py",
    ),
}  # fmt: skip
