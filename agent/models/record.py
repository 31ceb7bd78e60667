"""The base class of records."""

from pydantic import BaseModel, ConfigDict

from repo_config.records import replace as replace  # noqa: PLC0414  it belongs to records


class Record(BaseModel):
    """A frozen value; bytes travel as base64 so that every record is JSON both ways."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64"
    )
