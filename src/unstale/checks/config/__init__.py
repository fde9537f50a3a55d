"""Checks of the config link."""
