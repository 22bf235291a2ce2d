"""Whom a user's mail may say it is from."""
