"""Rules on what a repository has chosen: its HTTP client and kin."""
