"""Faults of the config link."""
