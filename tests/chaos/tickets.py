"""The tickets of chaos: four kinds, each ticket in a repository of its own."""

import itertools
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.ground import Ground
from tests.demo import play
from tests.demo.play import LABEL, MAINTAINER, OWNER, REPORTER
from tests.demo.scenarios import SCENARIOS
from tests.flow import github_stories
from tests.simulator import actions, git_store
from tests.simulator.records import Issue, Repository


@dataclass(frozen=True)
class Kind:
    name: str
    title: str
    body: str
    files: Mapping[str, str]
    """Of its repositories."""
    on_sample: bool = True
    """Whether these come on top of the sample project."""


def _of_demo(name: str) -> Kind:
    scenario = SCENARIOS[name]
    return Kind(name, scenario.title, scenario.body, scenario.files)


KINDS = {
    kind.name: kind
    for kind in (
        _of_demo("add-field"),
        Kind("small", github_stories.TITLE, github_stories.BODY, github_stories.FILES, False),
        _of_demo("unclear"),
        _of_demo("red"),
    )
}
#: Most have a pull request, since there is more to lose and to do twice.
MIX = ("add-field", "small", "unclear", "small", "red", "add-field", "small", "small")


@dataclass(frozen=True)
class Ticket:
    """An issue that was labelled, or will be."""

    kind: Kind
    repository: Repository
    issue: Issue

    @property
    def name(self) -> str:
        return f"{self.repository.full_name}#{self.issue.number} ({self.kind.name})"


class Tickets:
    """Opens issues in repositories that it makes as they are needed."""

    def __init__(self, ground: Ground, folder: Path, mix: Sequence[str] = MIX) -> None:
        """Open nothing yet.

        Args:
            folder: Takes the files of the repositories.
            mix: Kinds of the tickets that come in, again and again.
        """
        self._ground = ground
        self._mix = mix
        self._folder = folder
        self.all: list[Ticket] = []
        """Every one that was labelled, in order."""

    def mixed(self, names: Container[str]) -> Iterator[str]:
        return itertools.cycle([name for name in self._mix if name in names])

    def label(self, kind: str) -> Ticket:
        wanted, world = KINDS[kind], self._ground.world
        repository = self._make_repository(wanted)
        with world.lock:
            issue = actions.open_issue(
                repository, world.user(REPORTER), wanted.title, wanted.body, []
            )
            label = repository.labels[LABEL]
            actions.add_labels(issue, [label], world.user(MAINTAINER))
        self.all.append(Ticket(wanted, repository, issue))
        return self.all[-1]

    def _make_repository(self, kind: Kind) -> Repository:
        """Make one for one ticket: the same change twice in a repository is a duplicate."""
        name = f"{kind.name}-{sum(ticket.kind.name == kind.name for ticket in self.all) + 1}"
        made = play.make_repository(
            self._ground.world, f"{OWNER}/{name}", self._folder / name, kind.files,
            on_sample=kind.on_sample,
        )  # fmt: skip
        # Every move of a branch is on record, also one that a later move hides.
        git_store.run(made.git_dir, "config", "core.logAllRefUpdates", "always")
        return made
