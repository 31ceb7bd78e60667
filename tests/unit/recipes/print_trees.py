"""Small trees and tickets for tests of the recipe that turns prints into log messages."""

from __future__ import annotations

from collections.abc import Mapping

from agent.errors import RequestRefused, TicketUnclear
from agent.models.ticket import Ticket
from agent.recipes.print_to_logging.parameters import Parameters
from agent.recipes.print_to_logging.recipe import PrintToLogging
from repo_config.detect import detect_project
from repo_config.schema import RepoConfig
from tests.unit.trees import DictTree

RECIPE = PrintToLogging()
ASKS = "Replace `print` with `logging` in `shop`, levels `by context`."


def ticket(body: str, title: str = "Prints") -> Ticket:
    return Ticket(ticket_id="1", title=title, body=body, digest="")


def module(code: str | bytes, **others: str) -> dict[str, str | bytes]:
    """A package with one module, and others by their names."""
    files: dict[str, str | bytes] = {"shop/__init__.py": "", "shop/stock.py": code}
    return files | {f"shop/{name}.py": text for name, text in others.items()}


def function(*lines: str) -> dict[str, str | bytes]:
    body = "\n".join(f"    {line}" for line in lines)
    return module(f"def count(x, y, error=None):\n{body}\n")


def settle(
    files: Mapping[str, str | bytes],
    body: str = ASKS,
    config: RepoConfig | None = None,
    title: str = "Prints",
) -> Parameters:
    tree, config = DictTree(files), config or RepoConfig()
    settled = RECIPE.settle(ticket(body, title), tree, config, detect_project(tree, config))
    return Parameters.model_validate_json(settled)


def edited(
    files: Mapping[str, str | bytes], body: str = ASKS, config: RepoConfig | None = None
) -> dict[str, bytes]:
    """The edited files; editing them again finds nothing more to do."""
    tree = DictTree(files)
    settled = settle(files, body, config)
    first = RECIPE.apply(tree, settled.model_dump_json())
    assert RECIPE.apply(tree, settled.model_dump_json()) == first
    try:
        settle({**files, **first.files}, body, config)
    except RequestRefused:
        return first.files
    raise AssertionError("a second run found more to do")


def lines(*code: str, config: RepoConfig | None = None) -> list[str]:
    made = edited(function(*code), config=config)["shop/stock.py"].decode()
    body = made.partition("def count(x, y, error=None):\n")[2]
    return [line.removeprefix("    ") for line in body.splitlines()]


def line(code: str, config: RepoConfig | None = None) -> str:
    (only,) = lines(code, config=config)
    return only


def levels(files: Mapping[str, str | bytes], body: str = ASKS) -> list[str]:
    """The levels of all messages, in order."""
    return [level for work in settle(files, body).files for level in work.logged]


def left(files: Mapping[str, str | bytes], body: str = ASKS) -> dict[str, str]:
    """What stays, with the reasons, beside a print that does not."""
    seed = {"shop/seed.py": "def seed():\n    print('seed')\n"}
    settled = settle({"shop/__init__.py": "", **files, **seed}, body)
    assert [work.path for work in settled.files if work.path == "shop/seed.py"]
    return {one.format(): one.reason for one in settled.remaining}


def questions(
    files: Mapping[str, str | bytes],
    body: str = ASKS,
    config: RepoConfig | None = None,
    title: str = "Prints",
) -> tuple[str, ...]:
    try:
        settle(files, body, config, title)
    except TicketUnclear as unclear:
        return unclear.questions
    raise AssertionError("nothing was asked")
