"""What a reconstruction is written as: files for other programs, tables, the report and summary.json."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from mocap3d.biomech.angles import joint_angles
from mocap3d.biomech.cycles import Cycles, angle_cycles, cycle_columns
from mocap3d.biomech.smoothing import FilterOptions, smoothed_motion, smoothed_points, track_filters
from mocap3d.evaluation.summary import Summary, summarise
from mocap3d.export.results import FORMATS, RESULTS, Format, Results, file_stems, write_results
from mocap3d.export.table import write_table
from mocap3d.pipeline import Reconstruction
from mocap3d.viz.angle_curves import angle_sections, cycle_charts
from mocap3d.viz.content import ReportContent
from mocap3d.viz.report import write_report
from mocap3d.viz.time_charts import TimeChart

REPORT = "report.html"


def summary_of(reconstruction: Reconstruction) -> Summary:
    """The numbers a lab wants to see first."""
    return summarise(reconstruction.points, reconstruction.tracks, reconstruction.quality)


def told(reconstruction: Reconstruction) -> dict[str, Any]:
    """The summary, gait and whole bodies as plain values: what summary.json holds and --json prints."""
    gait = {person: walk.as_json() for person, walk in reconstruction.gait.items()}
    bodies = {person: body.as_json() for person, body in reconstruction.bodies.items()}
    return summary_of(reconstruction).as_json() | {"gait": gait, "whole_body": bodies}


def export_all(
    reconstruction: Reconstruction, folder: Path | None = None, formats: Sequence[Format] = FORMATS
) -> tuple[Path, ...]:
    """Writes ``formats``, report.html and summary.json into ``folder``, or results/ of the session; all or none."""
    folder = reconstruction.session.root / RESULTS if folder is None else folder
    return write_results(
        reconstruction.points,
        told(reconstruction),
        folder,
        formats,
        motion=reconstruction.motion,
        angles=reconstruction.angles,
        events={person: walk.events for person, walk in reconstruction.gait.items()},
        also={
            **(_gait_tables(reconstruction) if "csv" in formats else {}),
            REPORT: lambda path: write_report(content_of(reconstruction, files_beside(path)), path),
        },
    )


def content_of(reconstruction: Reconstruction, files: Sequence[Path] = ()) -> ReportContent:
    """A reconstruction as the report takes it; ``files`` are those that it links to."""
    return ReportContent(
        session=reconstruction.session,
        timeline=reconstruction.timeline,
        rig=reconstruction.rig,
        tracks=reconstruction.tracks,
        points=reconstruction.points,
        quality=reconstruction.quality,
        options=asdict(reconstruction.options),
        curves=angle_sections(reconstruction.angles) | _stride_sections(reconstruction),
        gait={person: walk.as_json() for person, walk in reconstruction.gait.items()},
        files=tuple(files),
    )


def files_beside(path: Path) -> tuple[Path, ...]:
    """What lies in the folder of ``path`` already, itself left out."""
    if not path.parent.is_dir():
        return ()
    return tuple(sorted(p for p in path.parent.iterdir() if p.is_file() and p != path and not p.name.startswith(".")))


def cycles_of(reconstruction: Reconstruction) -> dict[str, tuple[Cycles, ...]]:
    """Joint angles over the mean stride of those who walk or run."""
    found = {person: angle_cycles(reconstruction.angles, person, walk) for person, walk in reconstruction.gait.items()}
    return {person: cycles for person, cycles in found.items() if cycles}


def filtered(results: Results, options: FilterOptions) -> tuple[Results, dict[str, str]]:
    """Results whose points and skeletons went through a filter, with the angles that follow; themselves without one.

    And what was done, by person.
    """
    if options.filter is None:
        return results, {}
    filters = track_filters(results.points, options)
    points = smoothed_points(results.points, filters)
    words = {person: track.words for person, track in zip(points.people, filters, strict=True)}
    if results.motion is None:
        return replace(results, points=points), words
    motion = smoothed_motion(results.motion, filters)
    angles = None if results.angles is None else joint_angles(motion)
    return replace(results, points=points, motion=motion, angles=angles), words


def _stride_sections(reconstruction: Reconstruction) -> dict[str, tuple[TimeChart, ...]]:
    return {
        f"Angles over the stride: {person}": cycle_charts({c.angle: (c.mean_deg, c.sd_deg) for c in cycles})
        for person, cycles in cycles_of(reconstruction).items()
    }


def _gait_tables(reconstruction: Reconstruction) -> dict[str, Callable[[Path], None]]:
    """What writes a table of strides and one of the mean stride, by the name of the file."""
    people = reconstruction.points.people
    stem_of = dict(zip(people, file_stems(people), strict=True))
    strides = {
        f"{stem_of[person]}_strides.csv": partial(write_table, walk.columns(), about=f"strides of {person}: SI units")
        for person, walk in reconstruction.gait.items()
    }
    cycles = {
        f"{stem_of[person]}_cycle.csv": partial(
            write_table, cycle_columns(of_person), about=f"angles of {person} over the stride, from strike to strike"
        )
        for person, of_person in cycles_of(reconstruction).items()
    }
    return strides | cycles
