"""Exports models to ONNX with torch. `adain.runtimes.contract` defines what the files contain, and needs no torch."""
