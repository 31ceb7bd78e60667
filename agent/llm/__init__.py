"""Requests to models over the network, through pydantic-ai, within budgets."""
