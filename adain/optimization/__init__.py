"""Style transfer by optimisation: a picture's pixels, or a style code, are changed until losses are small.

Needs the extra `torch`. `adain.optimize` optimises a picture (`picture`), `adain.tune` a style code (`tuning`). Both
take `options`, which need no torch. docs/methods.md has the formulas.

    options      the options and presets, checked once
    features     the frozen networks whose features are compared, by name
    statistics   sums over the pixels of feature maps, which can be added up over tiles
    terms        the interface of the losses, which are computed from such statistics
    style_terms, content_terms
                 the losses
    objective    the weighted losses of a picture and their gradient, whole or in tiles
    descent      Adam and L-BFGS, and the average of the iterates
    pictures     content, styles, masks and start at each scale
    picture      the optimisation of a picture, from coarse to fine
    saved        its state in a file
    contents     the pictures that a style code is tuned on
    tuning       the optimisation of a style code
"""

from __future__ import annotations
