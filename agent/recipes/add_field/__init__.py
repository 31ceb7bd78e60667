"""Add a field to a Django model: read `recipe.py` first, then `request.py` and `settling.py`."""
