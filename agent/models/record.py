"""The base class of records."""

from pydantic import BaseModel, ConfigDict

from repo_config.records import replace as replace  # noqa: PLC0414  it belongs to records


class Record(BaseModel):
    """A frozen value, written as JSON and read from it; bytes are base64 there."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64"
    )
