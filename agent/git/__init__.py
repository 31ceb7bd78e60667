"""Git repositories from below: starting git, the user's repository, mirrors, the base commit."""
