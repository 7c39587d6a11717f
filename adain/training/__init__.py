"""Training of every network this package ships, and fine-tuning on a user's own pictures (needs the `torch` extra)."""

from __future__ import annotations
