"""Association of real OpenPose keypoints against the recording's own reference association."""

from fractions import Fraction

import pytest
import torch

from mocap3d.calibration.formats import read_calibration
from mocap3d.detection.foreign import read_keypoints
from mocap3d.fusion.associate import associate
from mocap3d.session.records import CalibratedRig, KeypointSource, Timeline

SESSION = "01_pose2sim_4cam_human/S00_Demo_Session"
VIEWS = ("cam01", "cam02", "cam03", "cam04")


def read(trial, kind):
    sources = {view: KeypointSource(trial / kind / f"{view}_json", "openpose") for view in VIEWS}
    return {view: read_keypoints(source, view, skeleton="body25b") for view, source in sources.items()}


@pytest.mark.parametrize(
    ("trial", "n_people", "n_reference"),
    [
        ("S00_P00_SingleParticipant/S00_P00_T01_BalancingTrial", 2, 1),
        ("S00_P00_SingleParticipant/S00_P00_T00_StaticTrial", 1, 1),
        ("S00_P01_MultiParticipants/S00_P01_T02_Participants1-2", 3, 2),
        ("S00_P01_MultiParticipants/S00_P01_T00_StaticTrialParticipant1", 1, 1),
    ],
)
def test_agrees_with_the_reference_association(real_data, trial, n_people, n_reference):
    """Measured: 399 of 399, 48 of 48, 797 of 797, 48 of 48 reference sightings with one and the same person.

    One more person than the reference has sits behind, seen by cam01 and cam02 in all 100 frames.
    """
    folder = real_data / SESSION / trial
    cameras = read_calibration(real_data / SESSION / "S00_Calibration" / "Calib.qca.txt").cameras
    rig = CalibratedRig({view: cameras[name] for view, name in zip(VIEWS, cameras, strict=True)})
    detections, reference = read(folder, "pose"), read(folder, "pose-associated")
    n = detections["cam01"].n_frames
    frames = torch.arange(n, dtype=torch.float64)
    timeline = Timeline(frames / 60, Fraction(60), dict.fromkeys(VIEWS, frames))
    tracks = associate(detections, timeline, rig)
    assert len(tracks.people) == n_people
    table = torch.zeros(n_reference, n_people)
    for v, view in enumerate(VIEWS):
        frame, uv_px = reference[view].frame, reference[view].uv_px
        gap_px = (tracks.uv_px[v, frame] - uv_px[:, None]).norm(dim=-1)[..., 0]
        same = gap_px.nan_to_num(torch.inf).amin(dim=-1) < 0.01  # (n track)
        for person in range(n_reference):
            table[person] += same[_slot(reference[view]) == person].sum(dim=0)
    total = sum(len(seen.frame) for seen in reference.values())
    assert table.argmax(dim=1).tolist() == list(range(n_reference))
    assert table.max(dim=1).values.sum() == total, table


def _slot(seen):
    """Which of the frame's people each reference sighting is; where one is missing, the nearest to the one before."""
    slot = torch.zeros(len(seen.frame), dtype=torch.int64)
    last = {}
    for n, frame in enumerate(seen.frame.tolist()):
        here = (seen.frame == frame).nonzero()[:, 0].tolist()
        centre = seen.uv_px[n, :, 0].nanmedian(dim=0).values
        if len(here) > 1 or not last:
            slot[n] = here.index(n)
        else:
            slot[n] = min(last, key=lambda person: float((last[person] - centre).norm()))
        last[int(slot[n])] = centre
    return slot
