"""Hold a change to the packages that a project has chosen, and to the way it declares them.

A new package is code of strangers that runs with the project's rights from then on: that is a
person's decision (`scope.new_dependencies`). What comes from a repository of somebody instead of
the index, or is called nearly like a package that everybody knows, is told apart. That a package
exists is proved by the
environment, which is built from these files; what is imported undeclared is left to the check
`names`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from posixpath import commonprefix

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.maintainability import requirements
from agent.policy.maintainability.requirements import Declared
from agent.policy.rule import Rule
from repo_config.project_files import Files

NEW_DEPENDENCY = Rule(
    id="new-dependency",
    demands="A package that the project did not need before is for the reviewer.",
    severity=Severity.REVIEW,
    bad='dependencies = ["httpx", "tablib"]  # and tablib is new',
    good='dependencies = ["httpx"]  # and the code does it with csv',
)
FORBIDDEN_DEPENDENCY = Rule(
    id="forbidden-dependency",
    demands="Where `scope.new_dependencies` is forbid, a change declares no new package.",
    severity=Severity.BLOCK,
    bad='dependencies = ["httpx", "tablib"]  # and scope.new_dependencies is forbid',
    good='dependencies = ["httpx"]',
)
LOOKALIKE = Rule(
    id="dependency-lookalike",
    demands="No new package is called nearly like one that everybody knows.",
    severity=Severity.REVIEW,
    bad='dependencies = ["reqeusts"]',
    good='dependencies = ["requests"]',
)
SOURCE = Rule(
    id="dependency-source",
    demands="What a change declares comes from the package index.",
    severity=Severity.REVIEW,
    bad='dependencies = ["tablib @ git+https://github.com/somebody/tablib"]',
    good='dependencies = ["tablib>=3.6"]',
)
RULES = (NEW_DEPENDENCY, FORBIDDEN_DEPENDENCY, LOOKALIKE, SOURCE)

#: Packages that are worth an imitation, and namesakes of theirs that are none.
_KNOWN = frozenset(
    """aiofile aiofiles aiohttp alembic anyio arrow attrs babel bcrypt black boto boto3 botocore
    celery certifi cffi chardet click colorama coverage cryptography cython dataclasses dateparser
    django django-allauth django-cors-headers django-debug-toolbar django-environ django-extensions
    django-filter django-rest-framework djangorestframework docker docutils dramatiq factory-boy
    faker fastapi filelock flake8 flask flask-login flask-migrate flask-sqlalchemy gevent gunicorn
    httpcore httpx hypothesis idna isort itsdangerous jinja2 jsonschema kombu keyring lxml mako
    markdown markupsafe marshmallow matplotlib mypy mysqlclient networkx numpy oauthlib openai
    openpyxl orjson packaging pandas paramiko passlib pillow pluggy poetry psutil psycopg psycopg2
    psycopg2-binary pyarrow pydantic pydantic-core pydantic-settings pygments pyjwt pylint pymongo
    pymysql pyopenssl pyparsing pytest pytest-asyncio pytest-cov pytest-django pytest-mock
    pytest-xdist python-dateutil python-dotenv python-multipart python-slugify pyyaml redis regex
    requests requests-mock requests-oauthlib responses rich scikit-learn scipy scrapy selenium
    sentry-sdk setuptools simplejson sniffio sphinx sqlalchemy sqlmodel sqlparse starlette
    structlog tabulate tenacity tensorflow toolz tornado traitlets twisted typer tzdata ujson
    urllib3 uvicorn uvloop virtualenv wagtail watchfiles websocket websockets werkzeug wheel
    whitenoise wrapt yarl zipp""".split()  # noqa: SIM905 - a list of words is what can be read
)
#: Of shorter names many are near each other.
_LONG_ENOUGH = 5


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield what is to be said of each package that is newly declared."""
    if not requirements.may_declare(change_context):
        return
    before, after = requirements.sides(change_context)
    had = requirements.list_declared(before)
    # Extras may name the project itself: `app[test]`.
    known = {one.name for one in had} | {requirements.own_name(after)}
    root = f"{change_context.project.root}/" if change_context.project.root else ""
    told: set[tuple[str, str]] = set()
    declared = requirements.list_declared(after)
    for one in declared:
        if one.name in known or (one.name, one.path) in told:
            continue
        line = requirements.line_of(after, one.path, one.name)
        for finding in _check_package(one, change_context, root + one.path, line):
            if (one.name, finding.rule) not in told:
                told.add((one.name, finding.rule))
                yield finding
    yield from _find_moved(had, declared, after, root)


def _check_package(
    one: Declared, change_context: ChangeContext, path: str, line: int | None
) -> Iterator[Finding]:
    demand = change_context.config.scope.new_dependencies
    if demand == "forbid":
        message = f"declares {one.name}; scope.new_dependencies is forbid"
        fix = "Do without it, or have somebody declare it first."
        yield FORBIDDEN_DEPENDENCY.make_finding(path, message, fix, line)
    elif demand == "ask":
        message = f"declares {one.name}, which the project did not need before"
        fix = "Look at who makes it, its licence, and whether the project wants it."
        yield NEW_DEPENDENCY.make_finding(path, message, fix, line)
    if near := _lookalike(one.name):
        message = f"declares {one.name}, which is nearly {near}"
        yield LOOKALIKE.make_finding(path, message, f"If {near} is meant, write that.", line)
    if one.source:
        yield _from_elsewhere(one, path, line)


def _from_elsewhere(one: Declared, path: str, line: int | None) -> Finding:
    return SOURCE.make_finding(
        path,
        f"takes {one.name} from {one.source[:200]}, not from the package index",
        "Take a released version, or look at what is there and who can change it.",
        line,
    )


def _find_moved(
    had: Iterable[Declared], declared: Iterable[Declared], after: Files, root: str
) -> Iterator[Finding]:
    """Yield packages that came from the index and now come from elsewhere."""
    plain = {one.name for one in had if not one.source}
    elsewhere = {(one.name, one.source) for one in had if one.source}
    for one in declared:
        if one.source and one.name in plain and (one.name, one.source) not in elsewhere:
            line = requirements.line_of(after, one.path, one.name)
            yield _from_elsewhere(one, root + one.path, line)


def _lookalike(name: str) -> str | None:
    if name in _KNOWN or len(name) < _LONG_ENOUGH:
        return None
    return next((known for known in sorted(_KNOWN) if _is_near(name, known)), None)


def _is_near(one: str, other: str) -> bool:
    """Whether two names differ in one letter: more, less, another, or two that changed places."""
    if len(other) < _LONG_ENOUGH or abs(len(one) - len(other)) > 1:
        return False
    if one.replace("-", "") == other.replace("-", ""):
        return True
    start = len(commonprefix([one, other]))
    rest, other_rest = one[start:], other[start:]
    return (
        rest[1:] == other_rest
        or rest == other_rest[1:]
        or rest[1:] == other_rest[1:]
        or (rest[:2] == other_rest[:2][::-1] and rest[2:] == other_rest[2:])
    )
