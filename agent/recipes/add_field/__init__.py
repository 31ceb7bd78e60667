"""The recipe for a new field of a Django model; `recipe.py` lists its modules in order."""
