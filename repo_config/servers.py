"""The servers that `services` may name: the rows of `servers.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict


class ServerRow(BaseModel):
    """A server: how it is found, started and reached.

    Texts with {…} may have {program}, {folder}, {host}, {port}, {user}, {password} and {database}.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: str
    programs: tuple[str, ...]
    """Where Debian and source builds lay the program; `*` is a version."""
    ask: str = '"$program" --version'
    """Command that prints the version."""
    version: str
    """Pattern of what that prints, with a group `version`; one that is named `title` wins."""
    packages: tuple[str, ...]
    """Debian packages; of alternatives as in `a|b` the first that there is."""
    versioned: tuple[str, ...] = ()
    """The same where a version is asked for, if Debian has several: with {version}."""
    begin: str = ""
    """Commands that make the folder `data` with which it begins. They have the variables program,
    port, user, password and database; users and databases have all that are named, as lines."""
    run: str
    """Its command line, in a folder of its own."""
    stop: str = "SIGTERM"
    """Signal that ends it with its data in order."""
    port: int
    ready: str = ""
    """Pattern in its log once it answers. Default: its port is open."""
    socket: str = ""
    """Where clients look for it that name no host."""
    socket_variables: dict[str, str] = {}
    """Variables that lead such clients there, whatever their default is."""
    hosts: tuple[str, ...] = ()
    """Names of hosts by which settings written for containers look for it."""
    user: str = ""
    password: str = ""
    database: str = ""
    schemes: tuple[str, ...] = ()
    """How addresses begin that name its user and database."""
    variables: dict[str, str] = {}
    """Variables that tell projects where it is; a project's own values name users and databases."""


@cache
def read_rows() -> Mapping[str, ServerRow]:
    """Read the table; a row `like` another one has the other's values where it gives none."""
    text = resources.files("repo_config").joinpath("servers.toml").read_text("utf-8")
    rows = tomllib.loads(text, parse_float=str)
    made = {}
    for name, row in rows.items():
        like = rows.get(row.pop("like", ""), {})
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in {**like, **row}.items()}
        made[name] = ServerRow.model_validate(values)
    return made
