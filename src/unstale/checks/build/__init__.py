"""Checks of the build link."""
