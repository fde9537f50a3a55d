"""Faults of the docker link."""
