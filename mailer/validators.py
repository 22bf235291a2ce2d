"""Kept here for the migrations and models that name it."""

from people.validators import validate_one_line

__all__ = ["validate_one_line"]
