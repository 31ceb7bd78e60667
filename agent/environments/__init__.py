"""The repository's Python environment: what it declares, and how it is built without trust."""
