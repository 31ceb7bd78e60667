"""Add a field to a Django model: read `recipe.py` first, then `facts.py` and `settling.py`."""
