"""Small changes and trees for the tests of the rules."""

from __future__ import annotations

from agent.domain import Change, ChangedFile, Finding, Severity
from repo_config.detect import DjangoProject, Project
from repo_config.schema import RepoConfig


class DictTree:
    """A base tree held in memory; counts what is read."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files
        self.reads: list[str] = []

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self._files))

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        return self._files[path]


def as_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def change(
    after: dict[str, str | bytes | None],
    base: dict[str, str | bytes] | None = None,
    executable: tuple[str, ...] = (),
) -> tuple[Change, DictTree]:
    """Make the change that turns the named files of the base into these contents."""
    before = {path: as_bytes(content) for path, content in (base or {}).items()}
    files = tuple(
        ChangedFile(
            path=path,
            before=before.get(path),
            after=None if content is None else as_bytes(content),
            executable=path in executable,
        )
        for path, content in sorted(after.items())
    )
    return Change(base_commit="0" * 40, files=files), DictTree(before)


def project(version: str | None = None, settings: str | None = None) -> Project:
    return Project(
        framework="django" if settings else "none",
        python_version=version,
        django=DjangoProject(settings_module=settings, manage="manage.py", python_path=("",))
        if settings
        else None,
        test_runner="pytest",
        test_script=None,
        type_tool=None,
        lint_tools=(),
    )


def config(**sections: object) -> RepoConfig:
    return RepoConfig.model_validate(sections, strict=False)


def blocking(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is Severity.BLOCK]


def review(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is Severity.REVIEW]
