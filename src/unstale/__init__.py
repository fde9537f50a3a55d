"""unstale: find the broken link of a deployment, prove it, repair it with an undo."""

__version__ = "0.1.0"
