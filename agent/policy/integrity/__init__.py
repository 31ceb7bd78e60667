"""Rules that keep a change from making its own checks easier to pass."""
