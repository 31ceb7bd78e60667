"""The ids of all rules, so that unknown ids in a configuration are refused.

The rules are in `agent.policy`; a test compares them with this list.
"""

_IN_ORDER = """\
paths file-mode binary-file size secrets sample-secrets suppression conflict-marks hidden-text
odd-text
gate-files other-files test-rewritten test-removed module-in-place-of-another
python-syntax unreadable-python
new-dependency forbidden-dependency dependency-source
migration-merged migration-by-hand migration-destructive
migration-forked
concurrency sync-handler django-signals django-views django-manager
fastapi-auth fastapi-auth-uncovered
newer-syntax http-client http-timeout background-tasks
forbidden-import
blocking-call test-tool-in-source environment-read
security-lint
test-surroundings test-not-run test-not-collected
environment-altered package-unasked
"""
RULE_IDS = tuple(_IN_ORDER.split())
"""In the order in which findings are listed."""
RETIRED = (
    *("look-alikes", "hidden-from-rules", "replaced-command", "test-asserts-nothing"),
    *("test-limited", "test-module-in-use", "checker-in-code"),
    *("application-guard", "application-changed", "migration-on-rows"),
    *("other-settings", "test-edited", "data-code", "migration-downtime"),
)
"""Ids of removed rules: accepted until the next release, with a warning."""
