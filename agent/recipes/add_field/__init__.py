"""Add a field to a Django model: read `recipe.py` first, then `request.py` and `resolving.py`."""
