"""Recipes: deterministic answers to frequent, well-shaped tickets; one module per shape."""
