"""Small changes and trees for the tests of the rules."""

from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import partial
from io import BytesIO

from agent.models.change import Change, ChangedFile, Hunk
from agent.models.record import replace
from agent.models.ticket import Ticket
from agent.policy.change_context import ChangeContext
from repo_config.detect import Project
from repo_config.schema import RepoConfig
from tests.unit.trees import DictTree, make_project


def as_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def change(
    after: dict[str, str | bytes | None],
    base: dict[str, str | bytes] | None = None,
    executable: tuple[str, ...] = (),
    was_executable: tuple[str, ...] | None = None,
) -> tuple[Change, DictTree]:
    """Make the change that turns the named files of the base into these contents."""
    before = {path: as_bytes(content) for path, content in (base or {}).items()}
    files = tuple(
        ChangedFile(
            path=path,
            before=before.get(path),
            after=None if content is None else as_bytes(content),
            executable=path in executable,
            was_executable=None
            if was_executable is None or path not in before
            else path in was_executable,
        )
        for path, content in sorted(after.items())
    )
    return Change(base_commit="0" * 40, files=files), DictTree(before)


def list_hunks(made: Change) -> dict[str, list[Hunk]]:
    """Find hunks without git; other ones where lines repeat."""
    found = {}
    for file in made.files:
        old, new = (BytesIO(side or b"").readlines() for side in (file.before, file.after))
        found[file.path] = [
            Hunk(file.path, range(start + 1, end + 1), range(at + 1, to + 1))
            for tag, start, end, at, to in SequenceMatcher(None, old, new, False).get_opcodes()
            if tag != "equal"
        ]
    return found


make_context = partial(ChangeContext, list_hunks=list_hunks)


def project(version: str | None = None) -> Project:
    return make_project(python_version=version, test_runner="pytest")


def config(**sections: object) -> RepoConfig:
    return RepoConfig.model_validate(sections, strict=False)


@dataclass(frozen=True)
class Snippet:
    """A small change, and where a rule is to speak of it."""

    after: str | dict[str, str | bytes | None]
    """What files hold after the change; a text alone is that of `app/views.py`."""
    base: str | dict[str, str | bytes] = ""
    """The files of the base; a text alone is what `app/views.py` held, "" for a new file."""
    line: int | None = None
    """Where the finding stands; None: anywhere."""
    config: dict[str, object] = field(default_factory=dict)
    project: dict[str, object] = field(default_factory=dict)
    """What was detected beside Python 3.11 and no framework."""
    ticket: str | None = None
    executable: tuple[str, ...] = ()
    """Paths that can be started after the change."""
    was_executable: tuple[str, ...] = ()
    """Paths of the base that could be started before."""

    def change_context(self) -> ChangeContext:
        """Make what rules are shown."""
        after = {"app/views.py": self.after} if isinstance(self.after, str) else self.after
        base = self.base
        if isinstance(base, str):
            base = {"app/views.py": base} if base else {}
        made, tree = change(dict(after), dict(base), self.executable, self.was_executable)
        asked = self.ticket
        return make_context(
            made,
            config(**self.config),
            replace(project("3.11"), **self.project),
            tree,
            Ticket(ticket_id="1", title=asked, body=asked, digest="0") if asked else None,
            list_modules=lambda: {"django"},
        )


@dataclass(frozen=True)
class Cases:
    """What a rule finds, and what comes close and is no matter of it."""

    fails: dict[str, Snippet]
    passes: dict[str, Snippet]
