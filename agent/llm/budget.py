"""What one run may use: minutes, and money or tokens for models, as often as that was granted."""

import math
from dataclasses import dataclass

from agent.models.record import Record
from agent.settings import Settings
from repo_config.schema import RepoConfig

#: Minutes of a run, unless the repository sets them, and a multiple of its tests' time.
_MINUTES, _SUITES = 30, 4


class SpendingCaps(Record):
    """The most that models may use in one run; None: no limit."""

    usd: float | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class Budget:
    settings: Settings
    grants: int = 1
    """Times that the run was allowed its money and minutes."""

    def find_minutes(self, config: RepoConfig | None, suite_seconds: float = 0.0) -> int:
        """Return the lower of what operator and repository allow.

        Args:
            config: Of the repository; None: it is not known yet.
            suite_seconds: Of the tests on base, as far as they are measured.
        """
        most = self.settings.max_minutes
        asked = config.limits.minutes if config else most
        if asked == "auto":
            asked = _MINUTES + math.ceil(_SUITES * suite_seconds / 60)
        return min(asked, most) * self.grants

    def find_usd(self, config: RepoConfig | None = None) -> float:
        """Return the lower of what operator and repository allow; see `find_minutes`."""
        most = self.settings.model_usd
        return (min(config.limits.usd or most, most) if config else most) * self.grants

    def find_limits(self, config: RepoConfig, share: float = 1.0) -> SpendingCaps:
        """Return what may be spent on models.

        Args:
            share: The part of it that may be spent by now.
        """
        tokens = self.settings.model_tokens
        return SpendingCaps(
            usd=self.find_usd(config) * share,
            tokens=int(tokens * self.grants * share) if tokens else None,
        )
