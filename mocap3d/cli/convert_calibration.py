"""``mocap3d convert-calibration A B``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.calibration.convert import ConvertOptions, convert_calibration
from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.cli.summary import counted


@dataclass(frozen=True)
class ConvertCalibration:
    """Write the calibration of one program as that of another. What the new format cannot hold is refused in words.

    $ mocap3d convert-calibration Calib.qca.txt Calib.toml
    """

    source: tyro.conf.Positional[Path]
    """The calibration to read: a file, or a folder where the format has several files."""
    target: tyro.conf.Positional[Path]
    """The file to write, or the folder where the format has several files."""
    options: Annotated[ConvertOptions, tyro.conf.arg(name="")] = field(default_factory=ConvertOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Converts, prints; 0."""
    command = parse(ConvertCalibration, arguments)
    output = Output(command.output)
    with output.working("converting"):
        rig = convert_calibration(command.source, command.target, command.options)
    output.text(f"[bold]{escape(str(command.target))}[/] ({command.options.to}): {counted(len(rig.cameras), 'camera')}")
    rows = []
    for name, camera in rig.cameras.items():
        place = ", ".join(f"{metres:z.2f}" for metres in camera.centre_in_world.tolist())
        width, height = camera.size_px
        focal_px = float(camera.lens.f_px.mean())
        rows.append([name, f"({place})", f"{focal_px:.0f}", f"{width}x{height}", camera.lens.model.value])
    output.table({"camera": "left", "place (m)": "left", "f (px)": "right", "picture": "right", "lens": "left"}, rows)
    output.result(
        {
            "source": str(command.source),
            "target": str(command.target),
            "format": command.options.to,
            "cameras": {
                name: {"position_m": camera.centre_in_world.tolist(), "size_px": list(camera.size_px)}
                for name, camera in rig.cameras.items()
            },
        }
    )
    return 0
