"""What tox, nox and CI files show of how a project is tested: read as data, never run."""
