"""The words a run ends with: commit message, branch name, pull-request text."""
