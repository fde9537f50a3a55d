"""Checks of the node link."""
