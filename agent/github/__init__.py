"""GitHub through PyGithub: read `code_host.py` first. No object of PyGithub leaves this package."""
