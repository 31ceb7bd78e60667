"""The operator's limits: dollars for models, and who may start runs; a YAML file.

It is read at each use, so that a change counts without a restart.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from agent.errors import SettingsInvalid
from agent.models.model_use import SpendingBudget
from agent.models.ticket import IssueRef
from agent.settings import Settings, variable
from repo_config import load
from repo_config.schema import Section
from repo_config.values import Login, Owner, RepositoryName

_DAYS = {"usd_per_day": 1, "usd_per_month": 30}
Dollars = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class LimitRow(Section):
    """The limits of all repositories, of an organisation's, or of one."""

    usd_per_day: Dollars | None = None
    """Maximum dollars for models in 24 hours."""
    usd_per_month: Dollars | None = None
    """Maximum dollars for models in 30 days."""
    start: tuple[Login, ...] | None = None
    """Who may start runs, of those with write permission: logins."""


class Limits(Section):
    all: LimitRow = LimitRow()
    organizations: dict[Owner, LimitRow] = {}
    repositories: dict[RepositoryName, LimitRow] = {}

    def list_budgets(self, issue: IssueRef | None, usd_per_day: float) -> Iterator[SpendingBudget]:
        """Yield the budgets that a run counts against.

        Args:
            issue: None: the run is of a ticket file, which counts against the budgets for all.
            usd_per_day: Maximum of a repository without its own in the file.
        """
        if issue is not None:
            row = self._find_row(issue.repository)
            if row.usd_per_day is None:
                key = variable("model_usd_per_day")
                yield SpendingBudget(usd_per_day, 1, key, repository_id=issue.repository_id)
            where = {"repository_id": issue.repository_id}
            yield from _list_budgets(row, f"repositories.{issue.repository}", **where)
            if (of_owner := self.organizations.get(owner := issue.owner)) is not None:
                yield from _list_budgets(of_owner, f"organizations.{owner}", owner=owner)
        yield from _list_budgets(self.all, "all")

    def find_starters(self, repository: str) -> tuple[str, ...] | None:
        """Return the people who may start runs in a repository; None: all with write permission.

        The list of the repository has priority, then that of its organization, then that of all.
        """
        owner = repository.partition("/")[0].lower()
        rows = (self._find_row(repository), self.organizations.get(owner, LimitRow()), self.all)
        return next((row.start for row in rows if row.start is not None), None)

    def _find_row(self, repository: str) -> LimitRow:
        return self.repositories.get(repository.lower(), LimitRow())


def _list_budgets(row: LimitRow, place: str, **where: object) -> Iterator[SpendingBudget]:
    for name, days in _DAYS.items():
        if (usd := getattr(row, name)) is not None:
            yield SpendingBudget(usd, days, f"{place}.{name}", **where)  # type: ignore[arg-type]


def load_limits(settings: Settings) -> Limits:
    """Read the file; without one there are no further limits.

    Raises:
        SettingsInvalid: It cannot be read; each mistake is named with its line and the fix.
    """
    path, name = settings.limits, variable("limits")
    if path is None:
        return Limits()
    if path.suffix not in (".yml", ".yaml"):
        raise SettingsInvalid(f"{name}: use a YAML file, whose name ends in .yml.")
    try:
        return load.read_file(path.read_text("utf-8-sig"), str(path), Limits)
    except OSError as problem:
        raise SettingsInvalid(
            f"{name}: {path} cannot be read ({problem.strerror}). Use a file that this user can"
            " read."
        ) from problem
    except UnicodeDecodeError:
        raise SettingsInvalid(f"{name}: {path} is not UTF-8. Save it as UTF-8.") from None
    except load.ConfigProblem as problem:
        lines = (f"{name}: {line}" for line in problem.problems)
        raise SettingsInvalid("\n".join(lines)) from problem
