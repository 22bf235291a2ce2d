"""HTML with Liquid in it, read without changing it.

Nothing of Django and nothing else of this project is imported here: it runs in a process of its own.
"""
