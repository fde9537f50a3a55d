"""The entry point: errors become what, why, next; only a bug of ours shows a traceback."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from unstale import __version__  # noqa: PLC0415 - the fast path imports nothing else

        print(f"unstale {__version__}")  # noqa: T201 - stdout is the answer
        return 0
    from unstale.cli.program import run  # noqa: PLC0415 - imported only when a command runs

    return run(tuple(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
