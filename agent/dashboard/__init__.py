"""The dashboard: pages about runs, for people with access. It has its own process and port.

It reads the store and the folders of runs, and stores requests of people. Its only secret is the
App's client secret, for signing in: it has neither the App's key nor a model's.
"""
