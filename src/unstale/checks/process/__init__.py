"""Checks of the process link."""
