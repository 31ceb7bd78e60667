"""Records by subject, and the Protocols of the agent."""
