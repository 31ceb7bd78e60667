"""What the pages show: the state, arranged for a reader. Called under `world.lock`."""
