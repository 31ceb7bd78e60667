"""Whose data are to be deleted, and where stored texts name them."""

import re
from typing import NamedTuple


class PurgeScope(NamedTuple):
    """The data to delete; exactly one field is set."""

    repository: str = ""
    """`owner/name`."""
    person: str = ""
    """Login."""
    before: float = 0.0
    """Seconds since the epoch: runs that were over before that."""

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """Pattern of stored texts about the repository or the person."""
        if self.repository:
            expression = rf'"repository": ?"{re.escape(self.repository)}"'
        elif self.person:
            name = rf"(?<![\w-]){re.escape(self.person)}(?![\w-])"
            # A sentence of ours names people anywhere: below its key, or in a column without JSON.
            sentence = rf'(?:^[^{{]|"sentence": ?")[^"]*{name}|^{name}'
            expression = rf'"(?:author|actor|by)": ?"{name}"|@{name}|{sentence}'
        else:
            return None
        return re.compile(expression, re.IGNORECASE | re.MULTILINE)
