"""Read what linters, formatters and type checkers print. Pure."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.checks import report
from agent.models.checks import CheckItem

# Line numbers in messages, which change with the code around, and sizes of code that is too large.
_FIGURES = re.compile(r"(?<=\bline )\d+|(?<=\()\d+(?= > \d+)|(?<=too complex \()\d+")


@dataclass(frozen=True)
class ToolRemark:
    path: str
    code: str
    message: str
    line: int | None = None
    severity: str = "error"


@dataclass(frozen=True)
class Reader:
    """How a tool is made to print its report, and how that is read."""

    read: Callable[[str], list[ToolRemark] | None]
    """Returns None for text that is no report."""
    options: tuple[str, ...] = ()
    dropped: frozenset[str] = frozenset()
    """Options of the repository's command, each with a value, that would change the report."""
    environ: Mapping[str, str] = field(default_factory=dict)
    looked: frozenset[int] = frozenset({0, 1})
    """Exit codes after which the tool has read every file, apart from those that it cannot read."""
    is_text: bool = True
    """Whether the tool's report is text; then its error output is read, too."""


def list_items(remarks: Iterable[ToolRemark]) -> tuple[CheckItem, ...]:
    return tuple(
        CheckItem(
            item_id=report.clean_id(
                f"{remark.path}: {remark.code or 'error'}: {_FIGURES.sub('N', remark.message)}"
            ),
            outcome="finding",
            text=report.clean_text(remark.message),
            place=report.clean_text(remark.path + (f":{remark.line}" if remark.line else "")),
        )
        for remark in remarks
    )


def render_remarks(remarks: Iterable[ToolRemark]) -> str:
    return "\n".join(
        f"{remark.path}:{remark.line or 1}: {remark.severity}: {remark.message}"
        + (f"  [{remark.code}]" if remark.code else "")
        for remark in remarks
    )


def _read_json(
    make: Callable[[Any], list[ToolRemark]],
) -> Callable[[str], list[ToolRemark] | None]:
    def read(text: str) -> list[ToolRemark] | None:
        try:
            return make(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    return read


def _make_ruff_remarks(entries: Any) -> list[ToolRemark]:
    if not isinstance(entries, list):
        raise TypeError
    return [
        ToolRemark(
            path=str(entry["filename"]),
            code=str(entry["code"] or "invalid-syntax"),
            message=str(entry["message"]),
            line=int(entry["location"]["row"]) if entry.get("location") else None,
        )
        for entry in entries
    ]


def _make_pyright_remarks(facts: Any) -> list[ToolRemark]:
    if int(facts["summary"]["filesAnalyzed"]) < 1:
        return [ToolRemark(".", "empty", "no project file to check was found")]
    return [
        ToolRemark(
            path=str(fact["file"]),
            code=str(fact.get("rule") or ""),
            message=" ".join(str(fact["message"]).split()),
            line=int(fact["range"]["start"]["line"]) + 1 if fact.get("range") else None,
            severity=str(fact["severity"]),
        )
        for fact in facts["generalDiagnostics"]
    ]


def _read_lines(*patterns: str, code: str = "") -> Callable[[str], list[ToolRemark]]:
    """Read a finding from each line that one of the patterns matches."""
    compiled = [re.compile(pattern) for pattern in patterns]

    def read(text: str) -> list[ToolRemark]:
        matches = (
            next(filter(None, (pattern.fullmatch(line) for pattern in compiled)), None)
            for line in text.splitlines()
        )
        facts = (match.groupdict() for match in matches if match)
        return [
            ToolRemark(
                path=fact["path"],
                code=fact.get("code") or code,
                message=fact.get("message") or "would be reformatted",
                line=int(fact["line"]) if fact.get("line") else None,
                severity=fact.get("severity") or "error",
            )
            for fact in facts
        ]

    return read


read_ruff = _read_json(_make_ruff_remarks)
read_mypy = _read_lines(
    r"(?P<path>[^:\n]+):(?P<line>\d+):(?:\d+:)?(?:\d+:\d+:)? (?P<severity>error|note): "
    r"(?P<message>.*?)(?:  \[(?P<code>[\w-]+)\])?",
    # Errors of a module as a whole, or of the settings.
    r"(?P<path>[^:\n]+): (?P<severity>error): (?P<message>.*?)(?:  \[(?P<code>[\w-]+)\])?",
)
_PYRIGHT = Reader(_read_json(_make_pyright_remarks), ("--outputjson",), is_text=False)

#: The reader of each tool, by the `tool` of a CheckCommand.
READERS: Mapping[str, Reader] = {
    "ruff check": Reader(
        read_ruff,
        dropped=frozenset({"--output-format", "--format", "--output-file", "-o"}),
        # RUFF_FORMAT is for versions before 0.0.291, which do not know the newer name.
        environ={"RUFF_OUTPUT_FORMAT": "json", "RUFF_FORMAT": "json", "RUFF_NO_CACHE": "true"},
        is_text=False,
    ),
    "ruff format": Reader(
        _read_lines(
            r"Would reformat: (?P<path>.+)",
            # The form of newer versions.
            r"(?P<path>[^:]+):(?P<line>\d+):\d+: (?:unformatted|invalid-syntax): (?P<message>.*)",
            r"error: Failed to (?:parse|format|read) (?P<path>[^:]+?)(?::\d+)*: (?P<message>.*)",
            code="format",
        ),
        dropped=frozenset({"--output-format"}),
        environ={"RUFF_OUTPUT_FORMAT": "concise", "RUFF_NO_CACHE": "true"},
        looked=frozenset({0, 1, 2}),
    ),
    "flake8": Reader(
        _read_lines(r"(?P<path>[^:\n]+):(?P<line>\d+):\d+: (?P<code>[A-Z]+\d+) (?P<message>.*)"),
        ("--format=default",),
    ),
    "black": Reader(
        _read_lines(
            r"would reformat (?P<path>.+)",
            r"error: cannot format (?P<path>[^:]+): (?P<message>.*)",
            code="format",
        ),
        ("--no-color",),
        looked=frozenset({0, 1, 123}),
    ),
    "isort": Reader(
        _read_lines(r"ERROR: (?P<path>.+?) (?P<message>Imports are incorrectly sorted.*)",
                    code="format"),
    ),
    "mypy": Reader(
        read_mypy,
        ("--no-pretty", "--hide-error-context", "--show-error-codes", "--no-error-summary",
         "--no-color-output", "--cache-dir=/tmp/mergewright-mypy"),
        dropped=frozenset({"--output", "-O"}),
    ),
    "pyright": _PYRIGHT,
    "basedpyright": _PYRIGHT,
}  # fmt: skip
#: If a file fails one of these on base, it is allowed to fail it with the change, too.
FORMATTERS = frozenset({"ruff format", "black", "isort"})
