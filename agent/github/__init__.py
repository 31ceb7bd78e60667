"""GitHub through PyGithub: read `forge.py` first. No object of PyGithub leaves this package."""
