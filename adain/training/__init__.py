"""Training of the networks this package ships, and fine-tuning on a user's own pictures.

Needs the `torch` extra. `adain train RECIPE -o RUN` does all of it; a recipe is a TOML file whose keys
`adain.training.recipe` describes, or the name of one in `recipes/`:

- `adain-slim`: the default model, encoder and decoder together (task "adain").
- `wct-slim`: the same with whole covariances, from what ships as `adain-slim`: its encoder as it is, the decoder
  trained on (task "adain").
- `wct-levels`: WCT as in its paper, one VGG-like encoder distilled from VGG-19 and a decoder for each of five levels
  (task "wct"). The encoder alone is task "distill" with network `encoder-slim`; its result may be another run's
  `network.init`.
- `adain-slim-finetune`: from the weights that ship, on your folders of pictures.

Fine-tuning is any recipe with `network.init`, a model's name or a safetensors file; `network.freeze` keeps
parts as they are. The losses look through VGG-19: name its file with `--teachers`, or fetch it once with
`adain models download adain-vgg19`.
"""

from __future__ import annotations
