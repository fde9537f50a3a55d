"""What an app imports so that its health endpoints and static files tell the truth."""

__version__ = "0.1.0"
