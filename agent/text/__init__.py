"""Texts on their way in and out: cleaned, redacted, counted. Pure."""
