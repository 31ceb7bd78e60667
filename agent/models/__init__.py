"""Records by subject, and the seams of the agent as Protocols."""
