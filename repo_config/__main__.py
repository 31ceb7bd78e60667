"""Print the reference of all configuration keys as markdown: `python -m repo_config`."""

from __future__ import annotations

from repo_config import reference

if __name__ == "__main__":
    print(reference.markdown())
