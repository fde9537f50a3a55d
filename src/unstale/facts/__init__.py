"""What can be seen, one module per source of truth."""
