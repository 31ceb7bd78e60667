"""Hold back SQL that is put together of what a stranger sends.

A value in the text of a statement can be a statement itself; given as a parameter it never is.
What a request brings blocks. A text that is built of something unknown, an argument say, may be
the same one call further out, so it is for the reviewer; names of tables from `_meta` or through
the driver's own quoting are left alone, and so are migrations and scripts.
How values move is known to `flow`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import source
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.security import flow, spots
from agent.policy.security.results import Site
from agent.policy.security.spots import Spot
from agent.policy.security.values import Kind, Value
from agent.policy.view import View

SQL_INJECTION = Rule(
    id="sql-injection",
    demands="What a request brings is never a part of the text of an SQL statement.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="cursor.execute(f\"SELECT * FROM t WHERE name = '{request.GET['name']}'\")",
    good='cursor.execute("SELECT * FROM t WHERE name = %s", [request.GET["name"]])',
)
BUILT_SQL = Rule(
    id="built-sql",
    demands="SQL statements are written out, and values are given to them as parameters.",
    severity=Severity.REVIEW,
    bad="cursor.execute(\"SELECT * FROM t WHERE name = '%s'\" % name)",
    good='cursor.execute("SELECT * FROM t WHERE name = %s", [name])',
)
RULES = (SQL_INJECTION, BUILT_SQL)

_FIX = "Write the statement with placeholders and hand the values over as parameters."
_MARKS = re.compile(rb"execut|\braw\(|\.extra\(|RawSQL|text\(|fetch|read_sql|sql|literal_column")
_RUNS = frozenset(
    {
        "execute", "executemany", "executescript", "exec_driver_sql", "fetch", "fetchrow",
        "fetchval", "fetch_one", "fetch_all", "fetch_val", "raw", "read_sql", "read_sql_query",
        "mogrify", "scalar", "scalars", "exec", "query", "prepare", "copy_expert", "iterate",
        "execute_sql", "run_sql", "aexecute", "execute_query", "execute_query_dict", "sql",
    }
)  # fmt: skip
#: Functions whose first argument is SQL, whatever it looks like.
_TEXTS = frozenset(
    {
        "sqlalchemy.text", "sqlalchemy.sql.text", "sqlalchemy.sql.expression.text",
        "sqlalchemy.literal_column", "sqlalchemy.sql.literal_column", "sqlmodel.text",
        "flask_sqlalchemy.SQLAlchemy.().text", "django.db.models.expressions.RawSQL",
        "django.db.models.RawSQL", "django.db.migrations.RunSQL",
    }
)  # fmt: skip
_STATEMENT = re.compile(
    r"\s*\(?\s*(?:select|insert|update|delete|replace|merge|with|create|alter|drop|truncate|grant"
    r"|explain|pragma|copy|call|exec|show|analyze|vacuum|lock|set)\b"
    r"|.*?\b(?:select\b.*\bfrom|insert\s+into|delete\s+from|update\b.*\bset)\b",
    re.IGNORECASE | re.DOTALL,
)
_CONNECTION = re.compile(r"(?:.*[._])?(?:cursor|cur|conn|connection|db|database|engine)(?:\(\))?")


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new statement that is built."""
    fixes = {SQL_INJECTION: _FIX, BUILT_SQL: _FIX}
    yield from spots.findings(proposal, _spots, fixes, apart=(BUILT_SQL,))


def _spots(view: View) -> Iterator[Spot]:
    if not _MARKS.search(view.content):
        return
    for site in flow.calls(view):
        for statement in _statements(site):
            level = statement.level("sql")
            if level == Kind.STRANGER:
                source = statement.source("sql")
                yield Spot(
                    SQL_INJECTION, site.node, f"puts {source} into the text of an SQL statement"
                )
                break
            if statement.is_built and level >= Kind.UNKNOWN:
                yield Spot(BUILT_SQL, site.node, "builds the text of an SQL statement of a value")
                break


def _statements(site: Site) -> Iterator[Value]:
    """Yield what a call takes as SQL."""
    first = site.given(0, "sql", "query", "raw_query", "statement", "operation")
    if site.names & _TEXTS or site.name == "RawSQL":
        if first is not None:
            yield first
    elif site.name == "extra":
        for word in ("where", "select", "tables", "order_by"):
            if word in site.keywords:
                yield site.keywords[word]
    elif site.name in _RUNS and first is not None:
        if _STATEMENT.match(first.text) if first.is_built else _is_sent(first, site):
            yield first


def _is_sent(statement: Value, site: Site) -> bool:
    """Whether a whole statement comes with a request; only what runs SQL is asked."""
    return statement.level("sql") == Kind.STRANGER and _is_connection(site)


def _is_connection(site: Site) -> bool:
    func = site.node.func
    return isinstance(func, ast.Attribute) and bool(
        _CONNECTION.fullmatch(source.written(func.value)[:100])
    )
