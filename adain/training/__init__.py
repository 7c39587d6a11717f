"""Training of the networks this package ships, and fine-tuning on a user's own pictures.

Needs the `torch` extra.
"""

from __future__ import annotations
