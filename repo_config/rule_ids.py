"""The ids of all rules, so that a configuration that names another is told so.

What the rules demand is said in `agent.policy`, which a test holds this list against.
"""

from __future__ import annotations

_CONTENT = (
    "paths",
    "file-mode",
    "size",
    "huge-file",
    "reformatted",
    "secrets",
    "sample-secrets",
    "hidden-text",
    "look-alikes",
    "odd-text",
    "gate-files",
    "generated-file",
)
_INTEGRITY = ("test-asserts-nothing", "suppression", "test-module-in-use")
_SECURITY = (
    "sql-injection",
    "insecure-deserialisation",
    "path-traversal",
    "command-injection",
)
_VERSIONS = (
    "python-syntax",
    "python-syntax-of-data",
    "unreadable-python",
    "hidden-from-rules",
)
_CONTRACT = (
    "concurrency",
    "sync-handler",
    "test-factories",
    "test-required",
)
_DJANGO = (
    "django-signals",
    "django-library-signals",
    "django-views",
    "django-likely-views",
    "django-manager",
    "django-raw-sql",
    "django-null-text",
    "django-settings",
    "django-settings-loosened",
    "django-database",
    "django-database-likely",
    "django-query-in-loop",
)
_WEB = (
    "fastapi-auth",
    "fastapi-auth-unknown",
    "bare-500",
    "endpoint-answer",
)
_MIGRATIONS = (
    "migration-merged",
    "migration-squash",
    "migration-unasked",
    "migration-unexplained",
    "migration-destructive",
    "migration-locks",
    "migration-column-index",
    "migration-model-import",
    "migration-irreversible",
)
_UPKEEP = (
    "new-dependency",
    "forbidden-dependency",
    "dependency-lookalike",
    "dependency-source",
    "dependency-unpinned",
    "hidden-from-type-checker",
    "nested-scan",
)
_RUFF = (
    "http-client",
    "http-retries",
    "http-timeout",
    "http-timeout-unset",
    "background-tasks",
    "forbidden-import",
    "blocking-call",
    "blocking-io",
    "dangling-task",
    "swallowed-exception",
    "new-print",
    "complexity",
    "unused-import",
    "dead-code",
    "possible-secret",
    "test-tool-in-source",
    "checker-in-code",
    "security-lint",
)
_TOOLS = (
    "unread-file",
    "missing-name",
    "unknown-module",
    "public-api",
    "coverage-of-change",
    "other-settings",
    "unformatted",
    "test-rewritten",
    "test-removed",
    "test-surroundings",
    "test-not-run",
    "test-not-collected",
    "url-map",
    "url-map-new",
    "lock-behind",
    "forbidden-licence",
    "unknown-licence",
    "package-licence",
    "known-vulnerability",
    "kept-vulnerability",
    "vulnerability-data",
)

RULE_IDS = (
    *_CONTENT,
    *_INTEGRITY,
    *_SECURITY,
    *_VERSIONS,
    *_CONTRACT,
    *_WEB,
    *_DJANGO,
    *_MIGRATIONS,
    *_UPKEEP,
    *_RUFF,
    *_TOOLS,
)
"""In the order in which findings are listed."""
