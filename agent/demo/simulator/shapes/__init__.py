"""Records as the JSON that GitHub answers with, one module per family; nothing here decides."""
