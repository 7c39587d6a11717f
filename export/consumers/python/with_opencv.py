"""Stylizes a picture with OpenCV and a graph that `adain export MODEL -o DIR` wrote.

python with_opencv.py MODEL.onnx CONTENT STYLE OUT [ALPHA [STROKES]]
"""

import sys
from pathlib import Path

import cv2
from stylize import check, inputs, read, write  # stylize.py, beside this file


def metadata(path):
    """The metadata of an ONNX file, which OpenCV does not give out."""
    pairs = [dict(_fields(entry)) for field, entry in _fields(Path(path).read_bytes()) if field == 14]
    return {pair[1].decode(): pair[2].decode() for pair in pairs if 1 in pair and 2 in pair}


def _fields(message):
    """The numbers and contents of a protobuf message's fields that have a length."""
    position = 0

    def number():
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position, value, shift = position + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while position < len(message):
        tag = number()
        if tag & 7 == 2:
            length = number()
            yield tag >> 3, message[position : position + length]
            position += length
        elif tag & 7 == 0:
            number()
        else:
            position += 8 if tag & 7 == 1 else 4


def main(model, content, style, out, alpha="1", strokes="0.5"):
    """Stylize the content."""
    try:
        info = metadata(model)
    except IndexError:
        sys.exit(f"error: {model} is cut off, or is not ONNX; export it again")
    check(info, float(alpha), float(strokes))
    if int(cv2.__version__.split(".")[0]) < 5 and "adain.fixed" not in info:
        sys.exit(f"error: OpenCV {cv2.__version__} takes graphs of one size only; export with --fixed, or use OpenCV 5")
    network = cv2.dnn.readNetFromONNX(model)
    rgb, opacity = read(content, info)
    for name, array in inputs(info, rgb, read(style)[0], float(alpha), float(strokes)).items():
        network.setInput(array, name)
    write(network.forward("stylized"), rgb, opacity, out)


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6, 7):
        sys.exit("usage: python with_opencv.py MODEL.onnx CONTENT STYLE OUT [ALPHA [STROKES]]")
    main(*sys.argv[1:])
