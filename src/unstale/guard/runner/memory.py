"""What outlives a keeper: HOME/state/keeper.json.

Stand-alone, the standard library alone.
"""

import contextlib
import json
import os


def remember(home, words):
    """Write it so that a kill leaves the old words or the new ones."""
    path = f"{home}/state/keeper.json"
    with open(f"{path}.new", "w", opener=_private) as file:
        json.dump(words, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)
    directory = os.open(f"{home}/state", os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def remembered(home):
    """Return it; nothing where no keeper was, or a person damaged it."""
    with contextlib.suppress(OSError, ValueError), open(f"{home}/state/keeper.json", "rb") as file:
        words = json.load(file)
        return words if isinstance(words, dict) else {}
    return {}


def _private(path, flags):
    return os.open(path, flags, 0o600)
