"""Define the decision of a run, and the evidence that its texts show. Pure."""

import shlex

from agent.checks.proof import PROSE
from agent.models.change import ClearedChange, Finding, Plan
from agent.models.checks import AnyComparison, CheckReport, RewrittenTest
from agent.models.environment import Prepared
from agent.models.model_use import ModelWork
from agent.models.outcome import Verdict
from agent.models.record import Record
from agent.models.review import Proof, Remark, ReviewNotes
from agent.models.ticket import Ticket
from agent.policy.layout import is_test
from agent.telemetry.signature import Seal
from agent.text.check_summary import format_count, is_of_tests, list_added


class DecidedChange(Record):
    ticket: Ticket
    plan: Plan
    cleared: ClearedChange
    after: CheckReport
    compared: tuple[AnyComparison, ...]
    notes: ReviewNotes
    verdict: Verdict
    proof: Proof = Proof()
    work: ModelWork = ModelWork()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of rules, checks and the verdict, in this order."""
        of_checks = (finding for check in self.compared for finding in check.findings)
        return (*self.cleared.findings, *of_checks, *self.verdict.findings)


class Evidence(DecidedChange):
    """All that the text about a decided change shows; every field comes from a step's result."""

    prepared: Prepared
    done: tuple[str, ...]
    """A sentence for each edit."""
    packages: tuple[str, ...] = ()
    """The packages that the change adds, or has in another version."""
    diff: str
    branch: str | None
    commit: str | None
    log_path: str
    """Address or file of the log."""
    seal: Seal | None = None
    """Seal of the log up to this text."""
    patch: str = "change.patch"
    """File with the change of a dry run, as a patch."""
    earlier_rounds: int = 0
    """Number of earlier runs of the pull request; the sums include their cost."""
    left: int = 0
    """Number of review comments that are left to people."""
    base_head: str | None = None
    """Commit of the base branch when the change was pushed; None: unknown."""

    @property
    def other_tests(self) -> list[str]:
        """The new tests that were not seen to fail without the change."""
        failed = {row.name for row in self.proof.rows if row.without in ("failed", "error")}
        return [name for name in list_added(self.compared) if name not in failed]

    @property
    def remarks(self) -> list[Remark]:
        """The reviewer's remarks that are not in a finding."""
        return [note for note in self.notes.remarks if not note.blocking or self.notes.approves]

    @property
    def untried_files(self) -> list[str]:
        """Changed files that are not reverted to see if a test fails: they are not Python."""
        paths = self.cleared.change.paths
        return [path for path in paths if not (path.endswith((".py", *PROSE)) or is_test(path))]

    @property
    def unnoticed(self) -> list[str]:
        """The parts that no test needs and no finding names."""
        named = {(finding.path, finding.line) for finding in self.findings}
        parts = self.proof.unneeded_parts
        return [part.name for part in parts if (part.path, part.line) not in named]

    @property
    def tests_are_off(self) -> bool:
        return self.prepared.contract.config.checks.tests == "off"

    @property
    def unmeasured(self) -> list[str]:
        """Sentences about tests that were not run, or that the change or configuration skips."""
        sentences = []
        for check in filter(is_of_tests, self.compared):
            if check.unrun:
                count = format_count(len(check.unrun), "test")
                sentences.append(f"{count} not run: the time was up.")
            if (skipped := check.head_skipped - check.base_skipped) > 0:
                sentences.append(f"{format_count(skipped, 'test')} newly skipped.")
        return sentences + ["Tests are turned off in the configuration."] * self.tests_are_off

    @property
    def rewritten(self) -> list[RewrittenTest]:
        """Tests that pass only as the change rewrote them, each with its first parameters."""
        first: dict[str, RewrittenTest] = {}
        for check in filter(is_of_tests, self.compared):
            for test in check.rewritten:
                if not test.cause:
                    first.setdefault(test.item_id.partition("[")[0], test)
        return [*first.values()]

    @property
    def commands(self) -> list[str]:
        """The commands of the checks, for a shell."""
        results = (result for result in self.after.results if result.command)
        return [*dict.fromkeys(shlex.join(result.command) for result in results)]
