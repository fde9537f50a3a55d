"""Faults of the environment link."""
