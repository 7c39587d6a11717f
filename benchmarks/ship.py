"""Make a trained file the weights of a model that ships, and make again everything that follows from the weights.

    python benchmarks/ship.py adain-slim my-run/model.safetensors --share 0.4

It copies the file to `weights/`, or its mean with the weights there, writes size and hashes into the registry's row,
exports the graphs, compares them with torch, and makes the pictures of `tests/data`. Without a file, the weights stay.
Numbers in tables are measured by the scripts in `benchmarks/`.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import click
from safetensors import safe_open
from safetensors.numpy import load, save

from adain import registry
from adain.engine.fusions import code_layout
from adain.trained import code_digest

ROOT = Path(__file__).resolve().parents[1]
ROW = ROOT / "adain" / "registry.py"


@click.command()
@click.argument("model", type=click.Choice([name for name, row in registry.MODELS.items() if row.shipped]))
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--share", default=1.0, show_default=True, help="Of FILE in the mean with the weights that ship.")
def main(model: str, file: Path | None, share: float) -> None:
    """Ship FILE as the weights of MODEL, and make its graphs and pictures again."""
    if file is not None:
        content = mean(ROOT / "weights" / f"{model}.safetensors", file, share) if share < 1 else file.read_bytes()
        (ROOT / "weights" / f"{model}.safetensors").write_bytes(content)
        text = ROW.read_text(encoding="utf-8")
        ROW.write_text(with_facts(text, model, facts(model, content)), encoding="utf-8")
    run("-m", "adain", "export", model, "-o", "weights", "--runtime", "--verify")
    run("tests/data/gallery.py")
    if model == registry.DEFAULT:
        run("web/prepare.py")


def mean(before: Path, after: Path, share: float) -> bytes:
    """Between two networks, of which one was trained on from the other (Wortsman et al. 2022, arXiv:2203.05482)."""
    old, new = (load(file.read_bytes()) for file in (before, after))
    with safe_open(after, "numpy") as opened:
        metadata = {**opened.metadata(), "share": f"{share:g}"}
    return save({name: (1 - share) * old[name] + share * new[name] for name in new}, metadata)


def facts(model: str, content: bytes) -> dict[str, str]:
    """What the registry's row says of the weights, as Python."""
    digest = code_digest(load(content), code_layout(registry.get(model).stages))
    return {
        "bytes": f"{len(content):_}",
        "sha256": f'"{hashlib.sha256(content).hexdigest()}"',
        "code_digest": f'"{digest}"',
    }


def with_facts(text: str, model: str, values: dict[str, str]) -> str:
    """The registry's text with other values in a model's row."""
    begin = text.index(f'name="{model}",')
    end = text.find("\n    Model(", begin)
    row = text[begin:end]
    for name, value in values.items():
        row, count = re.subn(rf"\b{name}=[^\n]+?,\n", f"{name}={value},\n", row)
        if count != 1:
            raise click.ClickException(f"{ROW}: the row of {model} has {count} values {name}, not one")
    return text[:begin] + row + text[end:]


def run(*arguments: str) -> None:
    """Run Python on this checkout, which may just have changed."""
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
