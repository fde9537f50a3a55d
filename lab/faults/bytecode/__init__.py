"""Faults of the bytecode link."""
