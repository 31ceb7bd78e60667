"""Rules on Django's migrations, read as data: graph, history, operations."""
