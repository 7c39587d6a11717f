"""Runtimes that run a model: onnxruntime, OpenVINO and torch. Only `torch_backend` imports torch."""
