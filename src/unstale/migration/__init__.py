"""A migration before it is run: what its scripts say, what a rehearsal on a copy showed, what that means."""
