"""What guards the service's good name against one of its own users: how much they may send.

It knows models alone. Who is trusted, and whoever has GUARD=off, pays nothing for it.
"""
