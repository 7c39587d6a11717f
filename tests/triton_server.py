"""What a client of `adain export --triton` needs of a Triton server, from a model repository, on onnxruntime.

Triton itself is in no package registry. This stands in for it, and speaks its protobuf messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnxruntime
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

_TYPES = {"FP32": np.float32, "UINT8": np.uint8}


class _Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    def __init__(self, repository: Path) -> None:
        self._repository = repository

    def _config(self, name: str, context: Any) -> Any:
        path = self._repository / name / "config.pbtxt"
        if not path.is_file():
            context.abort(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{name}' is not found")
        return text_format.Parse(path.read_text(encoding="utf-8"), model_config_pb2.ModelConfig())

    def ModelConfig(self, request: Any, context: Any) -> Any:  # noqa: N802  Triton's name
        return service_pb2.ModelConfigResponse(config=self._config(request.name, context))

    def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802  Triton's name
        config = self._config(request.model_name, context)
        feed = {}
        for declared in config.input:
            position = [each.name for each in request.inputs].index(declared.name)
            shape = list(request.inputs[position].shape)
            expected = [*([-1] if config.max_batch_size else []), *declared.dims]
            matches = len(shape) == len(expected) and all(b in (-1, a) for a, b in zip(shape, expected, strict=True))
            if not matches or (config.max_batch_size and shape[0] > config.max_batch_size):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"unexpected shape for input '{declared.name}'")
            kind = _TYPES[request.inputs[position].datatype]
            feed[declared.name] = np.frombuffer(request.raw_input_contents[position], kind).reshape(shape)
        path = self._repository / config.name / "1" / "model.onnx"
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        response = service_pb2.ModelInferResponse(model_name=config.name)
        for declared, array in zip(config.output, session.run([o.name for o in config.output], feed), strict=True):
            response.outputs.add(name=declared.name, datatype="FP32", shape=array.shape)
            response.raw_output_contents.append(array.tobytes())
        return response


@contextmanager
def serving(repository: Path) -> Iterator[str]:
    """Serve a model repository; give its address."""
    server = grpc.server(ThreadPoolExecutor(1), options=[("grpc.max_receive_message_length", -1)])
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(_Servicer(repository), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
