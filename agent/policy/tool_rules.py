"""Rules whose findings tools make in a sandbox; here is what they demand and weigh.

What a tool reports is compared between base and head like any check; what is new becomes a
finding of the rule of that check. Which tool it is and how it is run is left to `agent.checks`.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import CheckItem
from agent.policy import ruff_rules, test_changes
from agent.policy.contract import added_packages, fastapi_auth
from agent.policy.rule import Rule, split_place

UNREAD_FILE = Rule(
    id="unread-file",
    demands="What linters find in files of a change that they pass over is looked at first.",
    severity=Severity.REVIEW,
    bad="dist/orders.py has an unused import, and ruff never reads dist/",
    good="shop/orders.py, which ruff reads",
)

OTHER_SETTINGS = Rule(
    id="other-settings",
    demands="Findings that a check makes only with the settings of base need review.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    bad="line-length is raised from 88 to 120, and lines are longer",
    good="line-length is raised from 88 to 120, and no line is longer",
)

UNFORMATTED = Rule(
    id="unformatted",
    demands="Report unformatted code even if base is not formatted.",
    severity=Severity.INFO,
    bad="a new file that isort would sort, where isort would sort 70 files of base as well",
    good="a new file that isort leaves as it is",
)

MISSING_NAME = Rule(
    id="missing-name",
    demands="What a change takes from a module is there, where no type checker says so.",
    severity=Severity.REVIEW,
    bad="httpx.AsyncSession()  # httpx has AsyncClient, and no AsyncSession",
    good="httpx.AsyncClient()",
)
UNKNOWN_MODULE = Rule(
    id="unknown-module",
    demands="What a change imports is in the declared environment, where no type checker says so.",
    severity=Severity.REVIEW,
    bad="import quickhttp  # and no requirement brings it",
    good="import httpx  # which pyproject.toml names",
)

PUBLIC_API = Rule(
    id="public-api",
    demands="What users of a library can import and call stays as it is.",
    severity=Severity.REVIEW,
    bad="def total(order, currency): ...  # currency is new, and has no default",
    good="def total(order, currency='EUR'): ...",
    is_reading=True,
)

COVERAGE_OF_CHANGE = Rule(
    id="coverage-of-change",
    demands="The tests run as much of what a change adds or edits as tests.coverage_of_change "
    "says; where that is not set, nothing is measured.",
    severity=Severity.REVIEW,
    bad="if total < 0:  # and no test has such a total",
    good="if total < 0:  # as test_refund has",
)

_FIX = "Write it so that the tool does not object, or tell the reviewer why it is safe here."
#: What findings say, with what the tool said, and the way out.
_SAYS = {
    MISSING_NAME: (
        "takes what is not there: {}",
        "Take what the installed version has, or guard it where another version has it.",
    ),
    UNKNOWN_MODULE: (
        "takes what is not there: {}",
        "Declare what brings it, or do without; a name from memory may be anybody's.",
    ),
    PUBLIC_API: (
        "takes from users of the library: {}",
        "Keep it for a release, with a warning, or tell the reviewer why nobody uses it.",
    ),
    COVERAGE_OF_CHANGE: ("{}", "Add a test that runs them, or tell the reviewer why none can."),
    OTHER_SETTINGS: (
        "is objected to by the settings of base: {}",
        "See that the change may be judged by its own settings.",
    ),
    UNREAD_FILE: ("is passed over by the linters: {}", _FIX),
}
#: By the name of the check whose new findings they weigh.
BY_CHECK: dict[str, tuple[Rule, ...]] = {
    "unread files": (UNREAD_FILE,),
    "names": (MISSING_NAME, UNKNOWN_MODULE),
    "public API": (PUBLIC_API,),
    "coverage of the change": (COVERAGE_OF_CHANGE,),
}
RULES: tuple[Rule, ...] = (
    *ruff_rules.RULES,
    *dict.fromkeys(rule for rules in BY_CHECK.values() for rule in rules),
    OTHER_SETTINGS,
    UNFORMATTED,
    *test_changes.OF_TESTS,
    fastapi_auth.FASTAPI_AUTH,
    *added_packages.OF_PACKAGES,
)


def find_problems(rules: tuple[Rule, ...], items: tuple[CheckItem, ...]) -> Iterator[Finding]:
    """Make findings of what a tool reports.

    Args:
        rules: Of the check.
        items: New with the change; the place of each is `path:line`, where there is one.
    """
    for item in items:
        path, line = split_place(item.place)
        whole = item.item_id.partition(": ")[2]
        code, _, said = whole.partition(": ")
        rule = next((one for one in rules if one.id == code), rules[0])
        text, fix = _SAYS.get(rule, ("{}", _FIX))
        if rule in (PUBLIC_API, COVERAGE_OF_CHANGE):
            said = item.text
        elif rule not in _SAYS:
            said = (whole or item.text).rstrip(".")
        yield rule.make_finding(path, text.format(said), fix, line)
