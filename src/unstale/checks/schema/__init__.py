"""Checks of the schema link."""
