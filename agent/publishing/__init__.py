"""Write the texts of a run: commit message, branch name, comments, pull request."""
