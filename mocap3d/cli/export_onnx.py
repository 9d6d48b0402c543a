"""``mocap3d export-onnx WEIGHTS --out FILE``."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.detection.estimators.export import export_onnx


@dataclass(frozen=True)
class ExportOnnx:
    """Write a SAPENet as an ONNX file; `--detector onnx:FILE` reads it back.

    $ mocap3d export-onnx sapenet-s --out sapenet-s.onnx
    """

    weights: tyro.conf.Positional[str]
    """sapenet-s, sapenet-m, or a .safetensors file."""
    out: Path
    """The file to write, e.g. sapenet-s.onnx."""
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Writes; 0."""
    command = parse(ExportOnnx, arguments)
    output = Output(command.output)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # warns of packages that a SAPENet does not need
    with output.working("writing the network"):
        export_onnx(command.weights, command.out)
    size_mb = command.out.stat().st_size / 1e6
    output.text(f"{escape(str(command.out))}: {size_mb:.1f} MB, takes (batch, 3, 256, 192), RGB from 0 to 1")
    output.result({"file": str(command.out), "size_mb": round(size_mb, 1)})
    return 0
