"""Records, in a module for each subject, and the Protocols of the agent."""
