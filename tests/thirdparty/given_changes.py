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
    ]
"""
_WITH_MIGRATION = _new("constance/migrations/0004_constance_note.py", _MIGRATION)
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


def _appended(path: str, text: str) -> Edit:
    def edit(tree: Path) -> Files:
        return {path: (tree / path).read_text(encoding="utf-8").rstrip("\n") + "\n" + text}

    return edit


# --- an invented name, a test of nothing --------------------------------------------------------

_SLUGS = "slugify/slugify.py"
_FOLDED = (
    "\n\ndef folded(text: str) -> str:\n"
    '    """Return the text in its compatible form."""\n'
    '    return unicodedata.{}("NFKC", text)\n'
)

CASES = {
    "a forgotten migration": Given(
        CONSTANCE_GROUND, _ADD_NOTE,
        bad=_and(_FIELD, _TEST),
        good=_and(_FIELD, _WITH_MIGRATION, _TEST),
        reason="new_failures", named_by="makemigrations", place="constance",
    ),
    "an async view in a sync project": Given(
        CONSTANCE_GROUND, "Add a health view\n\nIt answers ok.\n",
        bad=_and(_new("constance/views.py", _VIEW.format("async ")), _HEALTH_TEST),
        good=_and(_new("constance/views.py", _VIEW.format("")), _HEALTH_TEST),
        reason="policy", named_by="concurrency", place="constance/views.py",
    ),
    "an invented function": Given(
        SLUGIFY_GROUND, "Fold a text\n\nA function `folded(text)` that gives its compatible form.\n",
        bad=_appended(_SLUGS, _FOLDED.format("normalise")),
        good=_appended(_SLUGS, _FOLDED.format("normalize")),
        reason="new_failures", named_by="mypy", place=_SLUGS,
    ),
}  # fmt: skip
