"""Faults of the build link."""
