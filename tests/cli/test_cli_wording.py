"""Errors on the command line speak of options, not of Python's arguments."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner
from pictures import painting
from PIL import Image

import adain
from adain.cli.main import main
from adain.cli.wording import in_options
from adain.request import StyleRequest


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            'preserve_color="coral" or preserve_color="luminance"',
            "--preserve-color coral or --preserve-color luminance",
        ),
        ("tile must be at least 48 pixels", "--tile must be at least 48 pixels"),
        ("size 5000 would scale this picture", "--size 5000 would scale this picture"),
        ("style_size must be a whole number", "--style-size must be a whole number"),
        (
            "it takes no preserve_color; leave preserve_color out",
            "it takes no --preserve-color; leave --preserve-color out",
        ),
        ('masks="subject" takes one or two styles, got 3', "--subject takes one or two styles, got 3"),
        ("cuda:1 was asked for; use device cpu or auto", "cuda:1 was asked for; use --device cpu or auto"),
        ("write them, or use runtime torch", "write them, or use --runtime torch"),
        ("use device cpu or auto, or runtime onnx", "use --device cpu or auto, or --runtime onnx"),
        ("a device must be there", "a device must be there"),
        ("pictures/size must be.jpg does not exist", "pictures/size must be.jpg does not exist"),
        ("my/preserve_color does not exist", "my/preserve_color does not exist"),
    ],
)
def test_names_of_arguments_become_options(message: str, said: str) -> None:
    assert in_options(message) == said


def test_no_error_of_a_command_names_an_argument(photo_file: Path, painting_file: Path, tmp_path: Path) -> None:
    for number in range(3):
        Image.fromarray(painting(seed=number)).save(tmp_path / f"style{number}.png")
    adain.load(device="cpu").encode_style(painting_file).save(tmp_path / "code.safetensors")
    styles = [str(tmp_path / f"style{number}.png") for number in range(3)]
    output = ["-o", str(tmp_path / "out.png"), "--device", "cpu"]
    commands = [
        ["stylize", str(photo_file), str(tmp_path / "code.safetensors"), *output, "--preserve-color", "coral"],
        ["stylize", str(photo_file), styles[0], *output, "--tile", "5"],
        ["stylize", str(photo_file), styles[0], *output, "--size", "900000"],
        ["stylize", str(photo_file), *styles, *output, "--subject"],
        ["stylize", str(photo_file), styles[0], *output, "--weights", "1", "--mask", str(photo_file)],
        ["stylize", str(photo_file), styles[0], *output, "--weights", "1", "2"],
        ["stylize", str(photo_file), styles[0], *output, "--device", "cuda:77"],
        ["stylize", str(photo_file), styles[0], *output, "--device", "cuda:77", "--runtime", "openvino"],
        ["stylize", str(photo_file), styles[0], *output, "--model", "adain-vgg19", "--runtime", "onnx"],
    ]
    names = [field.name for field in fields(StyleRequest) if "_" in field.name]
    for command in commands:
        result = CliRunner().invoke(main, command, prog_name="adain")
        assert result.exit_code in (1, 2), command
        for name in (*names, 'masks="', "weights_dir", "adain.", "StyleCode", "use device", "use runtime"):
            assert name not in result.stderr.replace(str(tmp_path), ""), result.stderr
