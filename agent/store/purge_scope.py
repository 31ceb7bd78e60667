"""Which data are to be deleted, and the pattern that finds them in stored texts."""

import re
from typing import NamedTuple


class PurgeScope(NamedTuple):
    """The data to delete; exactly one field is set."""

    repository: str = ""
    """`owner/name`."""
    person: str = ""
    """Login."""
    before: float = 0.0
    """Seconds since the epoch; the data of runs that were over before this time."""

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """Pattern of stored texts about the repository or the person."""
        if self.repository:
            expression = rf'"repository": ?"{re.escape(self.repository)}"'
        elif self.person:
            name = rf"(?<![\w-]){re.escape(self.person)}(?![\w-])"
            # Our sentences name people anywhere; each is the key's value, or a column without JSON.
            sentence = rf'(?:^[^{{]|"sentence": ?")[^"]*{name}|^{name}'
            expression = rf'"(?:author|actor|by)": ?"{name}"|@{name}|{sentence}'
        else:
            return None
        return re.compile(expression, re.IGNORECASE | re.MULTILINE)
