"""The rules a change must pass before any of it runs; one module per rule, pure."""
