"""Write files that no other user can read."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from agent.errors import StorageFull


def write_private_file(place: Path, text: str, *, replace: bool = True) -> None:
    """Write a complete file that no other user can read, and its folder if needed.

    Without `replace`, an existing file stays, even one that appears meanwhile. Raises StorageFull.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(prefix=".new-", dir=place.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            if replace:
                Path(name).replace(place)
            else:
                with suppress(FileExistsError):
                    os.link(name, place)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as problem:
        raise StorageFull(f"{place.parent} cannot be written: {problem.strerror}") from problem
