"""Tickets that a scripted model carries out on released projects, one module for each project.

What the model says is written by hand, as a good change of that project; nothing of a project is
committed besides the few words that an edit needs in order to find its place.
"""
