"""The ids of all rules, so that a configuration that names another is refused.

`agent.policy` has the rules themselves; a test compares this list with it.
"""

_IN_ORDER = """\
paths file-mode size secrets sample-secrets hidden-text look-alikes odd-text
conflict-marks gate-files other-files
test-asserts-nothing test-edited suppression module-in-place-of-another replaced-command
python-syntax unreadable-python hidden-from-rules
new-dependency forbidden-dependency dependency-source
django-manager
migration-merged migration-by-hand
newer-syntax http-client http-timeout background-tasks
forbidden-import
blocking-call test-tool-in-source environment-read
checker-in-code data-code security-lint
other-settings concurrency sync-handler django-signals django-views
fastapi-auth fastapi-auth-uncovered application-guard application-changed
test-rewritten test-removed test-limited test-surroundings test-not-run test-not-collected
test-module-in-use
environment-altered package-unasked
migration-on-rows migration-destructive
"""
RULE_IDS = tuple(_IN_ORDER.split())
"""In the order in which findings are listed."""
