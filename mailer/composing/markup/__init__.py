"""Reads HTML with Liquid in it without changing it.

Nothing of Django and nothing else of this project is imported here: it runs in a child process.
"""
