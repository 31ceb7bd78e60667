"""The dashboard: pages about runs, for people with access. A process and port of its own.

It reads the store and the folders of runs, and inserts requests of people. It holds the App's
client secret for signing in, and neither the App's key nor a model's.
"""
