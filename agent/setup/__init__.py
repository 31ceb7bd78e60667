"""How a repository is set up: by what it says or what is found, and without trust in it."""
