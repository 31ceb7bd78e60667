"""The listener: HTTP in, and nothing else; the only async package.

A process of its own (`python -m webhooks`) that has the webhook secret and the right to add to the
inbox. It verifies, parses, commits and answers. Who may start a run, and everything after, is the
worker's part.
"""
