"""Recipes: fixed code that carries out one kind of ticket each, without a model."""
