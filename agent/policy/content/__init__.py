"""Rules on the content of a change, whatever the language: paths, size, secrets, gate files."""
