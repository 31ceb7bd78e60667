"""The listener: it receives webhooks, and does nothing else.

It is a process (`python -m webhooks`) that has only the webhook secret and the right to add to the
inbox. It verifies, parses, commits and answers. The worker decides who may start a run, and does
everything after that.
"""
