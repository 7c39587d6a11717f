"""`python -m adain` is the command `adain`."""

from __future__ import annotations

from adain.cli.main import main

if __name__ == "__main__":
    main(prog_name="adain")
