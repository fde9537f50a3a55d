"""Faults of the http link."""
