"""Faults of the git link."""
