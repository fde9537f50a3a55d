"""A report as text, one module a format."""
