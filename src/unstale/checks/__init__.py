"""The catalogue: one check a file, in a folder per layer."""
