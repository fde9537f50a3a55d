"""Checks of the database link."""
