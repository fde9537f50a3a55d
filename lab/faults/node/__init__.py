"""Faults of the node link."""
