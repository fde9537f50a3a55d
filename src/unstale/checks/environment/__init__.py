"""Checks of the environment link."""
