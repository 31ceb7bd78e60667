"""The budget of a run: minutes, and money or tokens for models."""

import math
from dataclasses import dataclass

from agent.models.record import Record
from agent.settings import Settings
from repo_config.schema import RepoConfig

#: With `minutes: auto`, a run has so many minutes, plus so many times the time of the tests.
_MINUTES, _SUITES = 30, 4


class SpendingCaps(Record):
    """Limits of the models in one run; None: no limit."""

    usd: float | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class Budget:
    settings: Settings
    grants: int = 1
    """How often the run has got its money and minutes: once, and again with each continuation."""

    def find_minutes(self, config: RepoConfig | None, suite_seconds: float = 0.0) -> int:
        """Return the maximum minutes of a run: the lower of the operator's and the repository's.

        Args:
            config: The repository's configuration; None: not known yet.
            suite_seconds: Duration of the base commit's tests; 0: not measured yet.
        """
        most = self.settings.max_minutes
        asked = config.limits.minutes if config else most
        if asked == "auto":
            asked = _MINUTES + math.ceil(_SUITES * suite_seconds / 60)
        return min(asked, most) * self.grants

    def find_usd(self, config: RepoConfig | None = None) -> float:
        """Return the maximum dollars of a run: the lower of the operator's and the repository's."""
        most = self.settings.model_usd
        return (min(config.limits.usd or most, most) if config else most) * self.grants

    def find_limits(self, config: RepoConfig, share: float = 1.0) -> SpendingCaps:
        """Return the limits for models.

        Args:
            share: Part of the budget that may be used.
        """
        tokens = self.settings.model_tokens
        return SpendingCaps(
            usd=self.find_usd(config) * share,
            tokens=int(tokens * self.grants * share) if tokens else None,
        )
