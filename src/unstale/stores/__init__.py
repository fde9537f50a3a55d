"""The databases that can be looked after, one module a kind, and how a project's are found."""
