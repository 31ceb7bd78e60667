"""The servers that `services` may name: the rows of `servers.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict


class ServerRow(BaseModel):
    """A server: how it is found, started and reached.

    Placeholders: {program}, {folder}, {host}, {port}, {user}, {password} and {database}.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: str
    programs: tuple[str, ...]
    """Paths of the program from Debian and from source builds; `*` is a version."""
    ask: str = '"$program" --version'
    """Command that prints the version."""
    version: str
    """Pattern of that output, with a group `version`; a group `title` replaces the title."""
    packages: tuple[str, ...]
    """Debian packages; of alternatives, `a|b`, the first one that exists."""
    versioned: tuple[str, ...] = ()
    """Packages of a requested {version}, if Debian has several."""
    begin: str = ""
    """Commands that create its initial folder `data`. Variables: program, port, user, password and
    database; users and databases have all configured names, one a line."""
    run: str
    """Command line, which runs in a folder of its own."""
    stop: str = "SIGTERM"
    """Signal that ends it with consistent data."""
    port: int
    ready: str = ""
    """Pattern in its log when it is ready. Default: its port is open."""
    socket: str = ""
    """Socket of clients without a host."""
    socket_variables: dict[str, str] = {}
    """Variables that set the socket for such clients."""
    hosts: tuple[str, ...] = ()
    """Host names that settings for containers use."""
    user: str = ""
    password: str = ""
    database: str = ""
    schemes: tuple[str, ...] = ()
    """Schemes of addresses that contain its user and database."""
    variables: dict[str, str] = {}
    """Variables with its address for projects; their configured values name users and databases."""


@cache
def read_rows() -> Mapping[str, ServerRow]:
    """Read the table; a row that is `like` another one inherits its values."""
    text = resources.files("repo_config").joinpath("servers.toml").read_text("utf-8")
    rows = tomllib.loads(text, parse_float=str)
    made = {}
    for name, row in rows.items():
        like = rows.get(row.pop("like", ""), {})
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in {**like, **row}.items()}
        made[name] = ServerRow.model_validate(values)
    return made
