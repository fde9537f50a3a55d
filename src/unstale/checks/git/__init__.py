"""Checks of the git link."""
