"""What the demo needs: a sample project to work on, and a ticket for it."""
