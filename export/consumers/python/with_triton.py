"""Stylizes a picture on a Triton Inference Server, from the repository that `adain export MODEL --triton DIR` wrote.

python with_triton.py MODEL CONTENT STYLE OUT [ALPHA [STROKES [HOST:PORT]]]

MODEL is the model's name, such as adain-slim. pip install "tritonclient[grpc]" pillow
"""

import sys

import tritonclient.grpc as triton
from stylize import check, inputs, read, write  # stylize.py, beside this file


def main(model, content, style, out, alpha="1", strokes="0.5", server="localhost:8001"):
    """Stylize the content."""
    client = triton.InferenceServerClient(server)
    info = {name: value.string_value for name, value in client.get_model_config(model).config.parameters.items()}
    check(info, float(alpha), float(strokes))
    rgb, opacity = read(content, info)
    given = []
    for name, array in inputs(info, rgb, read(style)[0], float(alpha), float(strokes)).items():
        given.append(triton.InferInput(name, array.shape, "FP32"))
        given[-1].set_data_from_numpy(array)
    write(client.infer(model, given).as_numpy("stylized"), rgb, opacity, out)


if __name__ == "__main__":
    if len(sys.argv) not in range(5, 9):
        sys.exit("usage: python with_triton.py MODEL CONTENT STYLE OUT [ALPHA [STROKES [HOST:PORT]]]")
    try:
        main(*sys.argv[1:])
    except triton.InferenceServerException as error:
        sys.exit(f"error: the server says: {error.message()}")
