"""What users of a library lose by a change: griffe's breaking changes, on head alone.

griffe reads the code and runs none of it. What it finds is weighed by a rule of the policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.checks import check, lint
from agent.checks.sealed import Secret
from agent.models.sandbox import SANDBOX_GATE, SANDBOX_OURS, SandboxFile, SandboxRequest

NAME = "public api"
_EARLIER = "/tmp/mergewright-earlier"  # noqa: S108 - in the sandbox, whose /tmp is its own


@dataclass(frozen=True)
class PublicApi(lint.LintCheck):
    """The modules of one change, held against their earlier content."""

    earlier: Mapping[str, bytes] = field(default_factory=dict)
    """By paths relative to the project's folder."""

    def command(self, site: check.Site) -> tuple[str, ...]:
        """What a person runs to see the same."""
        packages = {path.removeprefix("src/").partition("/")[0] for path in self.earlier}
        return (*site.folder_prefix, "griffe", "check", "--against", "HEAD", *sorted(packages))

    def make_request(self, site: check.Site, secret: Secret) -> SandboxRequest:
        """Show the script what the files were, and one that has lost an argument for certain."""
        order = super().make_request(site, secret)
        earlier = {**self.earlier, f"{secret.module}.py": b"def f(lost): ...\n"}
        files = (
            SandboxFile(path=f"{_EARLIER}/{path}", content=content)
            for path, content in earlier.items()
        )
        return order.model_copy(update={"files": (*order.files, *files)})


def make_check(earlier: Mapping[str, bytes]) -> PublicApi:
    """Return the check of these modules."""
    return PublicApi(
        name=NAME,
        command_words=("griffe",),
        program=f"{SANDBOX_GATE}/bin/python",
        machine_arguments=("-I", f"{SANDBOX_OURS}/checks/mergewright_api.py", "{report}", _EARLIER),
        probe="def f(): ...\n",
        read=lint.read_flake8,
        configured=lambda _: True,
        rule="public-api",
        only=tuple(earlier),
        earlier=earlier,
    )
