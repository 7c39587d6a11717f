"""What runs a model's stages: whole pictures, tiles, frames. Numpy only."""
