"""Videos: times without decoding equal those of decoding, and every frame is the one asked for."""

from fractions import Fraction
from itertools import accumulate, cycle, islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from clips import SIZE_PX, index_of, make_clip

from mocap3d.errors import SessionError
from mocap3d.session.video import frames, probe

NTSC = Fraction(30000, 1001)
IRREGULAR_MS = list(islice(accumulate(cycle([33, 40, 27, 35]), initial=0), 12))


def decoded_times_s(path: Path) -> list[float]:
    """The oracle: presentation times as they come out of the decoder."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        pts = [frame.pts for frame in container.decode(stream)]
        return [float((tick - pts[0]) * stream.time_base) for tick in pts]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts", "a.avi"])
@pytest.mark.parametrize("rate", [NTSC, 25, Fraction(120000, 1001)])
def test_rate_and_times_are_exact(tmp_path, name, rate):
    """H.264 with B-frames (avi: MJPEG), in containers with fine ticks (mp4), milliseconds (mkv), whole frames (avi)."""
    path = make_clip(tmp_path / name, rate=rate, codec="mjpeg" if name == "a.avi" else "libx264")
    info = probe(path)
    assert info.rate == rate
    assert info.size_px == SIZE_PX
    assert info.t_s.tolist() == [float(i / Fraction(rate)) for i in range(12)]
    half_tick_s = {"a.mkv": 0.5 / 1000, "a.ts": 0.5 / 90_000}.get(name, 0)
    assert info.t_s.tolist() == pytest.approx(decoded_times_s(path), abs=half_tick_s + 1e-9)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_irregular_times_are_kept(tmp_path, name):
    path = make_clip(tmp_path / name, ticks=IRREGULAR_MS)
    info = probe(path)
    assert info.t_s.tolist() == pytest.approx([t / 1000 for t in IRREGULAR_MS], abs=1e-9)
    assert info.t_s.tolist() == pytest.approx(decoded_times_s(path), abs=1e-9)
    assert float(info.rate or 0) == pytest.approx(11000 / IRREGULAR_MS[-1], rel=1e-3)


def test_a_dropped_frame_shows_in_the_times(tmp_path):
    path = make_clip(tmp_path / "a.mkv", n=5, ticks=[0, 33, 67, 133, 167])
    assert probe(path).t_s.tolist() == pytest.approx([0, 0.033, 0.067, 0.133, 0.167])


def test_a_recording_that_starts_late_in_its_container_starts_at_zero(tmp_path):
    path = make_clip(tmp_path / "a.mkv", n=3, ticks=[500, 533, 567])
    assert probe(path).t_s[0] == 0


def test_frames_cut_away_by_an_edit_list_do_not_count(tmp_path):
    """As phones trim: the packets are there, the decoder drops them."""
    whole, cut = make_clip(tmp_path / "whole.mp4"), tmp_path / "cut.mp4"
    keep = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    with av.open(str(whole)) as source, av.open(str(cut), "w", options=keep) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and packet.pts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - 4 * 512, packet.dts - 4 * 512, stream
                target.mux(packet)
    assert len(probe(cut).t_s) == 8
    assert [index_of(image) for _, image in frames(cut)] == list(range(4, 12))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_every_frame_is_the_one_asked_for(tmp_path, name):
    path = make_clip(tmp_path / name, codec="mjpeg" if name == "a.avi" else "libx264")
    assert [(i, index_of(image)) for i, image in frames(path)] == [(i, i) for i in range(12)]
    assert [(i, index_of(image)) for i, image in frames(path, [7, 2, 11])] == [(2, 2), (7, 7), (11, 11)]
    assert [i for i, _ in frames(path, range(3, 10, 3))] == [3, 6, 9]
    assert list(frames(path, [])) == []


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270, 45])
def test_rotation_is_honoured_as_by_opencv(tmp_path, rotation_deg):
    path = make_clip(tmp_path / "a.mp4", n=2, rotation_deg=rotation_deg)
    capture = cv2.VideoCapture(str(path))
    oracle = [cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB) for _ in range(2)]
    ours = [image for _, image in frames(path)]
    assert probe(path).size_px == oracle[0].shape[1::-1]
    assert all(image.dtype == np.uint8 and image.flags.c_contiguous for image in ours)
    # Measured 0: the two convert from YUV alike.
    assert max(int(cv2.absdiff(a, b).max()) for a, b in zip(ours, oracle, strict=True)) <= 2


def cut_short(path: Path, fraction: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])
    return path


@pytest.mark.parametrize(
    ("name", "codec", "options", "finding"),
    [
        ("a.mp4", "libx264", {}, "cannot be read as a video"),  # its table of contents comes last, and is lost
        ("a.mp4", "libx264", {"movflags": "faststart"}, "of 12 frames"),
        ("a.avi", "mjpeg", {}, "of 12 frames"),
        ("a.mkv", "mjpeg", {}, "of 2.40 s"),
    ],
)
def test_a_truncated_video_is_refused(tmp_path, name, codec, options, finding):
    whole = make_clip(tmp_path / name, rate=5, codec=codec, options=options)
    path = cut_short(whole, 0.6 if codec == "mjpeg" else 0.9)
    with pytest.raises(SessionError, match=finding) as caught:
        probe(path)
    assert str(path) in str(caught.value)
    assert "Copy the file again" in str(caught.value)


@pytest.mark.parametrize(("content", "finding"), [(b"", "empty"), (b"no video" * 999, "cannot be read as a video")])
def test_junk_is_refused(tmp_path, content, finding):
    path = tmp_path / "cam1.mp4"
    path.write_bytes(content)
    for read in (probe, lambda p: list(frames(p))):
        with pytest.raises(SessionError, match=rf"cam1\.mp4.*{finding}"):
            read(path)


def test_a_missing_video_is_refused(tmp_path):
    with pytest.raises(SessionError, match=r"cam1\.mp4 cannot be read"):
        probe(tmp_path / "cam1.mp4")


def test_sound_alone_is_refused(tmp_path):
    path = tmp_path / "cam1.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(SessionError, match="holds audio, but no pictures"):
        probe(path)


def test_a_damaged_frame_does_not_shift_the_later_ones(tmp_path):
    """The decoders of MPEG-4 and HEVC skip it without a word, and picture 7 would pass for frame 6."""
    path = make_clip(tmp_path / "a.mp4", codec="mpeg4")
    with av.open(str(path)) as container:
        start, size = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size][6]
    content = bytearray(path.read_bytes())
    content[start + 4 : start + size] = b"\xff" * (size - 4)
    path.write_bytes(content)
    pairs = []
    with pytest.raises(SessionError, match="frame 6 is damaged"):
        pairs.extend((i, index_of(image)) for i, image in frames(path))
    assert [i for i, _ in frames(path, range(6))] == list(range(6))


def test_a_frame_beyond_the_end_is_refused(tmp_path):
    path = make_clip(tmp_path / "a.mp4")
    with pytest.raises(SessionError, match="frame 13 is wanted, but it has 12 frames"):
        list(frames(path, [0, 12, 13]))


def test_real_videos_report_their_real_size(real_data):
    """Two of them are 1080 px wide under a calibration for 1088."""
    folder = real_data / "01_pose2sim_4cam_human/S00_Demo_Session/S00_P00_SingleParticipant"
    for n, width in enumerate([1080, 1080, 1088, 1088], start=1):
        path = folder / f"S00_P00_T01_BalancingTrial/videos/cam{n:02}.mp4"
        info = probe(path)
        assert (info.size_px, info.rate, len(info.t_s)) == ((width, 1920), 60, 100)
        assert torch.equal(info.t_s, torch.arange(100, dtype=torch.float64) / 60)
        index, image = next(frames(path, [3]))
        assert (index, image.shape) == (3, (1920, width, 3))
        assert 20 < image.mean() < 235
