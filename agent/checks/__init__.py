"""The checks: one module per tool that runs in the sandbox, with its command and its parser."""
