"""The points that a deployment is held against before it counts as done, each verified now."""
