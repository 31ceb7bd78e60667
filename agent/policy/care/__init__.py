"""Rules on what a change must leave alone, or bring in only with care."""
