"""Whose data are to be deleted, and where stored texts name them."""

import re
from typing import NamedTuple


class PurgeScope(NamedTuple):
    """Whose data go; exactly one of them is given."""

    repository: str = ""
    """`owner/name`."""
    person: str = ""
    """Login."""
    before: float = 0.0
    """Seconds since the epoch: runs that were over before that."""

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """What stored JSON has where it is about the repository or the person."""
        if self.person:
            login = re.escape(self.person)
            found = (
                rf'"(?:author|actor|by)": ?"{login}"|@{login}(?![\w-])|(?:^|by ){login}(?![\w-])'
            )
        elif self.repository:
            found = rf'"repository": ?"{re.escape(self.repository)}"'
        else:
            return None
        return re.compile(found, re.IGNORECASE)
