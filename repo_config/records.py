"""Typed copies of records."""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from dataclasses import replace as replace  # noqa: PLC0414  others import it from here
else:

    def replace(record: BaseModel, /, **changes: Any) -> BaseModel:
        """Return a copy with other values; not validated."""
        return record.model_copy(update=changes)
