"""Sandboxes, opened by bubblewrap or docker, for one command or for a session around one tree."""
