"""Comments and deliveries about a run's issue and pull request, as events and commands."""
