"""The faults that checks find, made for real: one module a check, of the same layer and slug."""
