"""The docker sandbox: the engine, what a sandbox shows, and what makes and removes it."""
