"""Stand-alone scripts that the project's own interpreter runs; they import nothing of unstale."""
