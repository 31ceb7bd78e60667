"""What a review asks of a field that was added to a released project: made, and checked, again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.adapters.package_index import SimpleIndex
from agent.recipes.recipe import Wish
from tests.thirdparty import sources
from tests.thirdparty.carried import Bench
from tests.thirdparty.projects import AXES, THUMBNAILS, KnownDjango

pytestmark = [pytest.mark.thirdparty, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Reviewed:
    """A ticket for one model of a project, and what a review says of its change."""

    known: KnownDjango
    ticket: str
    words: tuple[str, ...]
    changed: tuple[str, ...]
    """What the branch changes, as git names it; `*` stands for the number of the migration."""
    line: str
    path: str


REVIEWED = (
    Reviewed(
        AXES,
        'Add a CharField `handling_note` with max_length=80, blank=True, default="" to the model '
        "`axes.AccessAttempt`. Show it in the admin list.",
        (
            "Please rename `handling_note` to `review_note`.",
            "max_length=120, please",
            "Please don't show it in the admin list.",
        ),
        ("A\taxes/migrations/*_accessattempt_review_note.py", "M\taxes/models.py"),
        'review_note = models.CharField(max_length=120, blank=True, default="")',
        "axes/models.py",
    ),
    Reviewed(
        THUMBNAILS,
        "Add a nullable IntegerField `handling_rank` to `easy_thumbnails.Source`.",
        (
            "`handling_rank` must not be null.",
            "The default of `handling_rank` should be 0.",
            "`handling_rank` should be called `rank`.",
        ),
        ("A\teasy_thumbnails/migrations/*_source_rank.py", "M\teasy_thumbnails/models.py"),
        "rank = models.IntegerField(default=0)",
        "easy_thumbnails/models.py",
    ),
)


@pytest.mark.parametrize(
    "reviewed",
    [
        pytest.param(one, id=one.known.source.name, marks=[pytest.mark.deep] * (one.known is AXES))
        for one in REVIEWED
    ],
)
def test_the_revised_change_passes(
    reviewed: Reviewed, tmp_path: Path, index: SimpleIndex, bench: Bench
) -> None:
    known = reviewed.known
    folder = bench.home.parent / f"revised-{known.source.name}"
    folder.mkdir()
    repository = sources.repository(known.source, index, folder, known.config)
    asked, heard, ticket = (tmp_path / name for name in ("asked", "heard", "ticket.md"))
    asked.write_text(json.dumps([Wish(words=one).model_dump() for one in reviewed.words]))
    ticket.write_text(reviewed.ticket)
    done = bench.command(
        "-m", "tests.revised_run", str(asked), str(heard), "run", "--json",
        "--repo", str(repository.path), "--ticket", str(ticket),
    )  # fmt: skip
    assert done.stdout, done.stderr
    ended = json.loads(done.stdout)
    ends = [one["end"] for one in json.loads(heard.read_text())]
    assert ends == ["revised"] * len(reviewed.words), heard.read_text()
    assert ended["outcome"] == "open", ended["sentence"]
    assert {check["verdict"] for check in ended["checks"]} == {"passed"}
    branch = ended["branch"]
    changed = repository.git("diff", "--name-status", f"main..{branch}").splitlines()
    numbered = [one.replace(_number(one), "*") if "migrations/" in one else one for one in changed]
    assert tuple(numbered) == reviewed.changed
    shown = repository.git("show", f"{branch}:{reviewed.path}")
    assert any(line.strip() == reviewed.line for line in shown.splitlines())


def _number(path: str) -> str:
    """The number of a migration, by its path."""
    return path.rpartition("/")[2].partition("_")[0]
