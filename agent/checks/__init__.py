"""The checks: one module per tool that runs in the room, with its command and its parser."""
