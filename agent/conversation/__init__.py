"""What people say about a run on its issue and its pull request, and what becomes of it."""
