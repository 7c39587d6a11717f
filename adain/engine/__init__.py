"""Runs a model's stages on whole pictures, tiles and film frames. Numpy only."""
