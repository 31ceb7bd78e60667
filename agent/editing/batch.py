"""The calls of one reply of a model, and their results."""

import posixpath
from dataclasses import dataclass, field
from itertools import zip_longest

from agent.editing import forms
from agent.models.change import Change, Finding
from agent.models.chat import ToolCall, ToolResult

_CALLS_LOST = (
    "The sandbox was lost during these calls. Their changes are gone; earlier changes are kept."
)


@dataclass
class Batch:
    """The calls of one reply and their results so far."""

    before: Change
    calls: tuple[ToolCall, ...]
    is_late: bool
    """Whether the turn is not the first, so that a new sandbox may replace an earlier one."""
    results: list[ToolResult] = field(default_factory=list)
    form_name: str = ""
    form: forms.Form | None = None
    is_open: bool = False
    """Whether a call uses the sandbox."""
    notes: list[str] = field(default_factory=list)
    findings: tuple[Finding, ...] = ()
    """Findings on compiled requirements that could not be updated."""

    def is_named(self, path: str) -> bool:
        """Whether a call names a file; ignored files that no call names are not reported."""
        name = posixpath.basename(path.rstrip("/"))
        return any(name in call.arguments for call in self.calls)

    def add_result(self, call: ToolCall, content: str, *, failed: bool) -> None:
        about = {"call_id": call.call_id, "name": forms.flatten_text(call.name)}
        self.results.append(ToolResult(**about, content=content, failed=failed))

    def lose_work(self) -> None:
        """Answer the remaining calls after the loss of the sandbox, and drop a form."""
        self.form_name, self.form = "", None
        answered, self.results = self.results, []
        for call, result in zip_longest(self.calls, answered):
            # The form's result is empty.
            if result is not None and result.content:
                self.results.append(result)
            else:
                self.add_result(call, "not finished: the sandbox was lost", failed=True)
        self.notes.append(_CALLS_LOST)
