"""Scripts that run inside a sandbox: standard library only, Python 3.9 or newer."""
