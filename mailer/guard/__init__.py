"""Protects the service's reputation against its own users: how much they may send.

It knows only models. It costs nothing for trusted users, or with GUARD=off.
"""
