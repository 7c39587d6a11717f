"""Bring what is made from the weights in `weights/` up to date: the digests in the registry, and the graphs.

    python export/ship.py

Run it whenever a network that ships was trained again, or the graphs have changed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from adain import registry, trained

ROOT = Path(__file__).resolve().parents[1]
REGISTRY, WEIGHTS = ROOT / "adain" / "registry.py", ROOT / "weights"


def main() -> None:
    """Write the registry's facts of each network, then export it in a new process, which reads them."""
    names = [name for name, model in registry.MODELS.items() if model.shipped]
    text = REGISTRY.read_text(encoding="utf-8")
    for name in names:
        text = _updated(text, name)
    REGISTRY.write_text(text, encoding="utf-8")
    for name in names:
        command = [sys.executable, "-m", "adain", "export", name, "-o", str(WEIGHTS), "--runtime", "--verify"]
        subprocess.run(command, cwd=ROOT, check=True)


def _updated(text: str, name: str) -> str:
    """The registry's text with the size and the digests of a network's weights."""
    row = trained.read(WEIGHTS / f"{name}.safetensors")
    (file,) = row.files
    assert file.bytes is not None
    before, mark, rest = text.partition(f'name="{file.name}"')
    own, end, behind = rest.partition("    Model(\n")
    facts = {
        r"bytes=[\d_]+": f"bytes={file.bytes:_}",
        r'sha256="\w+"': f'sha256="{file.sha256}"',
        r'code_digest="\w+"': f'code_digest="{row.code_digest}"',
    }
    for old, new in facts.items():
        own, count = re.subn(rf"\b{old}", new, own)
        if count != 1:
            raise SystemExit(f"{REGISTRY} has {count} times {old} for {name}, not once")
    return before + mark + own + end + behind


if __name__ == "__main__":
    main()
