"""What can be changed, one module per thing."""
