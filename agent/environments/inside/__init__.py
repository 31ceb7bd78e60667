"""Scripts that run inside a room: standard library only, Python 3.9 or newer."""
