"""``mocap3d calibrate SESSION``: by a board, or by one of the ways of :mod:`mocap3d.cli.recalibrate`."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated

import tyro

from mocap3d.calibration.calibrate import calibrate
from mocap3d.calibration.lenses import as_rig, calibrate_lenses, lenses_as_json
from mocap3d.calibration.observe import Progress
from mocap3d.calibration.options import CalibrateOptions
from mocap3d.calibration.save import LENSES, save, save_rig
from mocap3d.cli.calibration_summary import print_calibration, print_findings, print_lenses
from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.cli.recalibrate import by_people, by_scene, check_all, mend
from mocap3d.errors import CalibrationError
from mocap3d.recalibration import RecalibrateOptions
from mocap3d.session.board_recordings import BoardRecordings, load_board_recordings
from mocap3d.session.schema import SessionTable
from mocap3d.session.session import TOML_NAME
from mocap3d.session.toml import read_toml, typed
from mocap3d.session.views import listed

OF_PEOPLE = tuple(each.name for each in fields(RecalibrateOptions))
_Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]


@dataclass(frozen=True)
class Calibrate:
    """Calibrate the cameras of a session from videos or pictures of a board, and say how good it is.

    Options given here overrule those under [calibrate] in its session.toml, which overrule the defaults.

    $ mocap3d calibrate session --target charuco_a2
    $ mocap3d calibrate session --check
    $ mocap3d calibrate session --from-people
    """

    session: tyro.conf.Positional[Path]
    """The session folder: calibration/<view>.mp4, or calibration/extrinsics/ and calibration/intrinsics/."""
    lenses_only: _Flag = False
    """Only the lenses, of one camera or more: into lenses.toml, which --lenses takes later."""
    from_people: _Flag = False
    """Place the cameras, or refine those of the calibration at hand, by the people in the session's recordings."""
    from_scene: _Flag = False
    """Place the cameras by pictures of the room, calibration/scene/<view>.jpg; needs --between for its size."""
    check: _Flag = False
    """Say of each camera whether its calibration still holds for the session's own recordings; writes nothing."""
    refine: _Flag = False
    """Mend cameras that were touched, by the people in the session's recordings."""
    options: Annotated[CalibrateOptions, tyro.conf.arg(name=""), tyro.conf.EnumChoicesFromValues] = field(
        default_factory=CalibrateOptions
    )
    of_people: Annotated[RecalibrateOptions, tyro.conf.arg(name="")] = field(default_factory=RecalibrateOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


WITHOUT_BOARD = {"from_people": by_people, "from_scene": by_scene, "check": check_all, "refine": mend}


def run(arguments: list[str]) -> int:
    """Calibrates, writes, prints; 0."""
    command = parse(Calibrate, arguments)
    ways = [way for way in ("lenses_only", *WITHOUT_BOARD) if getattr(command, way)]
    if len(ways) > 1:
        raise CalibrationError(f"{listed(ways)} were asked for at once. Give one of them, or none for a board.")
    output = Output(command.output)
    with output.working("reading the recordings") as bar:
        command = _stated(command, arguments)
        if ways and ways[0] in WITHOUT_BOARD:
            say = WITHOUT_BOARD[ways[0]](command.session, command.options, command.of_people, output, bar)
        else:
            recordings = load_board_recordings(command.session, use_videos=command.options.use_videos)
            say = (_lenses if ways else _rig)(command, recordings, output, bar)
    say()
    return 0


def _rig(command: Calibrate, recordings: BoardRecordings, output: Output, progress: Progress) -> Callable[[], None]:
    """Calibrates everything; gives what is to be said once the work is done."""
    calibration = calibrate(recordings, command.options, progress=progress)
    saved, report = save(calibration, command.session)
    if (other := recordings.table.calibration) is not None:
        output.warn(f"session.toml says calibration = '{other}', so the new one will not be used. Remove that line.")

    def say() -> None:
        print_calibration(report, saved, output)
        print_findings(calibration.findings, output)
        files = {"calibration": str(saved.calibration), "backup": saved.backup and str(saved.backup),
                 "page": str(saved.page)}  # fmt: skip
        output.result({"session": str(command.session), **files, **report})

    return say


def _lenses(command: Calibrate, recordings: BoardRecordings, output: Output, progress: Progress) -> Callable[[], None]:
    """The lenses alone."""
    lenses, findings = calibrate_lenses(recordings, command.options, progress=progress)
    path, backup = save_rig(as_rig(lenses), command.session, LENSES)

    def say() -> None:
        print_lenses(lenses, path, output)
        print_findings(findings, output)
        files = {"lenses": str(path), "backup": backup and str(backup)}
        output.result({"session": str(command.session), **files, **lenses_as_json(lenses, findings)})

    return say


def _stated(command: Calibrate, arguments: list[str]) -> Calibrate:
    """The command once more, with what session.toml says in place of the defaults."""
    toml = command.session / TOML_NAME
    if not toml.is_file():
        return command
    table = typed(read_toml(toml), SessionTable, source=toml).calibrate
    of_people = {key: value for key, value in table.items() if key in OF_PEOPLE}
    of_boards = {key: value for key, value in table.items() if key not in OF_PEOPLE}
    stated = Calibrate(
        command.session,
        options=typed(of_boards, CalibrateOptions, source=toml, key="calibrate"),
        of_people=typed(of_people, RecalibrateOptions, source=toml, key="calibrate"),
    )
    return parse(Calibrate, arguments, default=stated)
