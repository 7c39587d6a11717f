"""`python -m adain` is the command `adain`."""

from __future__ import annotations

import sys

__all__ = ["run"]


def run() -> None:
    """Run the command. Ctrl-C while it is imported is an exit code, not a traceback."""
    try:
        from adain.cli.main import main
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT, as in a shell
    main(prog_name="adain")


if __name__ == "__main__":
    run()
