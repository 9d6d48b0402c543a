"""What the sizes of pictures tell: videos that were turned, and recordings of several resolutions."""

from collections.abc import Iterator, Mapping

from mocap3d.calibration.findings import Finding
from mocap3d.session.board_recordings import BoardRecordings
from mocap3d.session.records import VideoInfo, ViewId

ASPECT_TOLERANCE = 0.005
Size = tuple[int, int]


def of_sizes(recordings: BoardRecordings) -> tuple[Finding, ...]:
    """What the sizes of pictures tell: videos that were turned, and recordings of several resolutions."""
    other = "calibration/intrinsics/"
    return (
        *_of_sizes(recordings.together, recordings.alone, f"its recording in {other}"),
        *_of_sizes(recordings.together, recordings.trials, "its video in videos/"),
    )


def _of_sizes(together: Mapping[ViewId, VideoInfo], others: Mapping[ViewId, VideoInfo], what: str) -> Iterator[Finding]:
    for view, video in together.items():
        if view in others and (other_px := others[view].size_px) != video.size_px:
            yield _of_size(view, video.size_px, other_px, what)


def _of_size(view: ViewId, size_px: Size, other_px: Size, what: str) -> Finding:
    found = f"view '{view}' filmed the board at {_text(size_px)}, but {what} is {_text(other_px)}"
    if _alike(size_px, other_px):
        text = (
            f"{found}: the same shape, so its lens is scaled. That is right only if the camera uses the same part of "
            "its sensor for both: film everything at one setting."
        )
    elif _alike(size_px, (other_px[1], other_px[0])):
        return Finding(
            "rotated-video",
            f"{found}: one of the two was turned by 90 degrees, and which way cannot be told from the sizes. Mount the "
            "camera the same way for both and export both alike (the rotation in the file's header, too).",
            (view,),
        )
    else:
        text = f"{found}: another part of the sensor, for which no lens can be told. Film both at one setting."
    return Finding("mixed-resolution", text, (view,), {})


def is_fatal(finding: Finding, recordings: BoardRecordings) -> bool:
    """Whether pictures of one view have no lens in common: those of the board itself, and not of the same shape."""
    sizes = [(recordings.together[view].size_px, recordings.alone[view].size_px) for view in finding.views
             if view in recordings.together and view in recordings.alone]  # fmt: skip
    return finding.code in ("rotated-video", "mixed-resolution") and any(not _alike(*pair) for pair in sizes)


def _alike(size_px: Size, other_px: Size) -> bool:
    return abs(size_px[0] * other_px[1] / (size_px[1] * other_px[0]) - 1) < ASPECT_TOLERANCE


def _text(size_px: Size) -> str:
    return f"{size_px[0]}x{size_px[1]}"
