"""Rules on Django's migrations, read as data: their history and operations."""
