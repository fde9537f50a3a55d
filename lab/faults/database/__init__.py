"""Faults of the database link."""
