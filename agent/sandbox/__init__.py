"""Sandboxes that stay open: one tree, command after command, and the change that comes of it."""
