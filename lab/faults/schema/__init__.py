"""Faults of the schema link."""
