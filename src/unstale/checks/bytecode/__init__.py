"""Checks of the bytecode link."""
