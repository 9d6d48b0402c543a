"""A folder of images as a video."""

import cv2
import numpy as np
import pytest
from clips import index_of, picture

from mocap3d.errors import SessionError
from mocap3d.session.video import frames, probe


def write(path, image):
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])


@pytest.fixture
def folder(tmp_path):
    for index in range(12):  # frame10 would come before frame2 in the alphabet
        write(tmp_path / "cam1" / f"frame{index}.png", picture(index))
    (tmp_path / "cam1" / "notes.txt").write_text("cloudy", encoding="utf-8")
    (tmp_path / "cam1" / "._frame0.png").write_bytes(b"left behind by a Mac")
    return tmp_path / "cam1"


def test_images_come_in_natural_order(folder):
    assert [index_of(image) for _, image in frames(folder)] == list(range(12))
    (index, image), *_ = frames(folder, [10])
    assert index == 10
    assert np.array_equal(image, picture(10))


def test_a_folder_has_a_size_and_no_rate(folder):
    info = probe(folder)
    assert (info.size_px, info.rate, len(info.t_s)) == ((64, 48), None, 12)
    assert info.t_s.isnan().all()


@pytest.mark.parametrize("suffix", [".jpg", ".bmp", ".tif"])
def test_other_formats_are_measured_too(tmp_path, suffix):
    write(tmp_path / "cam1" / f"0{suffix}", picture(0))
    assert probe(tmp_path / "cam1").size_px == (64, 48)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_mixed_sizes_are_refused(folder, suffix):
    write(folder / f"frame5x{suffix}", picture(0)[:40])
    for read in (probe, lambda path: list(frames(path))):
        with pytest.raises(SessionError, match=rf"frame5x{suffix} has 64x40 px, but frame0.png has 64x48"):
            read(folder)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(SessionError, match="holds no images"):
        probe(tmp_path)


@pytest.mark.parametrize("content", [b"", b"junk" * 99, b"\xff\xd8\xff\xe0" + bytes(60)])
@pytest.mark.parametrize("name", ["frame3.png", "frame0.png", "frame99.jpg"])
def test_an_unreadable_image_is_refused(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(SessionError, match=rf"{name} cannot be read as an image"):
        probe(folder)


def test_an_image_beyond_the_end_is_refused(folder):
    with pytest.raises(SessionError, match="frame 12 is wanted, but it holds 12"):
        list(frames(folder, [12]))
