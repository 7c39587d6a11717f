"""Stylizes a picture with OpenVINO and a graph that `adain export MODEL -o DIR` wrote.

python with_openvino.py MODEL.onnx CONTENT STYLE -o OUT [--alpha A] [--strokes S] [--device CPU] [--fast]
"""

import argparse

import openvino
from openvino.properties import hint
from stylize import check, inputs, read, write  # stylize.py, beside this file


def main():
    """Read the arguments, the model and the pictures; write the stylized one."""
    arguments = _arguments()
    core = openvino.Core()
    graph = core.read_model(arguments.model)
    info = metadata(graph)
    check(info, arguments.alpha, arguments.strokes)
    mode = hint.ExecutionMode.PERFORMANCE if arguments.fast else hint.ExecutionMode.ACCURACY
    model = core.compile_model(graph, arguments.device, {hint.execution_mode: mode})
    (rgb, opacity), (style, _) = read(arguments.content, info), read(arguments.style)
    results = model(inputs(info, rgb, style, arguments.alpha, arguments.strokes))
    write(results["stylized"], rgb, opacity, arguments.output)


def metadata(graph):
    """The metadata of an ONNX file."""
    info = graph.get_rt_info()["framework"] if graph.has_rt_info("framework") else {}
    return {name: str(info[name].value) for name in info if name.startswith("adain.")}


def _arguments():
    parser = argparse.ArgumentParser(description="Stylize a picture with OpenVINO.")
    parser.add_argument("model", help="MODEL.onnx, as adain export writes it")
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--alpha", type=float, default=1.0, help="strength of the style, from 0 to 1")
    parser.add_argument("--strokes", type=float, default=0.5, help="how much of a coarse draft to use, from 0 to 1")
    parser.add_argument("--device", default="CPU", help="as OpenVINO names it: CPU, GPU, NPU, AUTO")
    parser.add_argument("--fast", action="store_true", help="bfloat16 or float16 where the device has it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
