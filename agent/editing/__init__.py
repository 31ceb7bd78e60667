"""Conversations in which a model edits files: prompts, tools, forms and rounds; review."""
