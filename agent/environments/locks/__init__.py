"""Lock files of other tools, read as exact requirements with their hashes; one module per kind."""
