"""Checks of the docker link."""
