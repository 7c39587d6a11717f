"""The models in onnxruntime, from the graphs that `adain export` writes. Nothing here imports torch."""
