"""Faults of the process link."""
