"""Checks of the http link."""
