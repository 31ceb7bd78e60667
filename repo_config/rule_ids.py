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
)
_INTEGRITY = ("test-asserts-nothing", "suppression", "test-module-in-use")
_SECURITY = (
    "sql-injection",
    "insecure-deserialisation",
    "path-traversal",
    "command-injection",
    "possible-secret",
)
_VERSIONS = (
    "python-syntax",
    "python-syntax-of-data",
    "unreadable-python",
    "hidden-from-rules",
)
_CONTRACT = (
    "http-client",
    "http-client-use",
    "http-timeout",
    "http-timeout-unset",
    "http-retries",
    "http-retries-by-hand",
    "http-retries-likely",
    "concurrency",
    "sync-handler",
    "async-code",
    "async-query",
    "async-session",
    "blocking-call",
    "blocking-io",
    "blocking-deep",
    "unawaited",
    "async-bridge",
    "lazy-bridge",
    "background-tasks",
    "background-tasks-use",
    "handler-thread",
    "dangling-task",
    "test-factories",
    "test-required",
)
_CARE = (
    "forbidden-import",
    "forbidden-import-use",
    "generated-file",
    "generated-anew",
    "runtime-magic",
    "near-runtime-magic",
)
_DJANGO = (
    "django-signals",
    "django-library-signals",
    "django-views",
    "django-likely-views",
    "django-manager",
    "django-implicit-manager",
    "django-raw-sql",
    "django-on-delete",
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
    "migration-graph",
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
    "missing-name",
    "new-dependency",
    "forbidden-dependency",
    "dependency-lookalike",
    "dependency-source",
    "dependency-unpinned",
    "swallowed-exception",
    "silent-filter",
    "new-print",
    "public-api",
    "complexity",
    "lost-types",
    "untyped-function",
    "hidden-from-type-checker",
    "missing-docstring",
    "unused-import",
    "dead-code",
    "nested-scan",
)
_TOOLS = (
    "security-lint",
    "test-tool-in-source",
    "checker-in-code",
    "unread-file",
    "invented-api",
    "unknown-module",
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
    *_CARE,
    *_WEB,
    *_DJANGO,
    *_MIGRATIONS,
    *_UPKEEP,
    *_TOOLS,
)
"""In the order in which findings are listed."""
