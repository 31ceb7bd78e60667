"""Rules on what a change holds, whatever the language: paths, size, secrets, gate files."""
