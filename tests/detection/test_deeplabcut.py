"""DeepLabCut's csv and h5; the h5 fixtures are laid out as pandas 3.1 with PyTables was seen to write them."""

import logging
import pickle

import h5py
import numpy as np
import pytest

from mocap3d.detection.foreign import read_keypoints
from mocap3d.errors import DetectionError
from mocap3d.session.records import KeypointSource

PAIRS = ["eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"]
PARTS = ["nose", *(f"{side}_{part}" for part in PAIRS for side in ("left", "right"))]
COORDS = ("x", "y", "likelihood")


def labels(individuals=None, parts=PARTS, coords=COORDS):
    return [("net", *([i] if i else []), b, c) for i in (individuals or [None]) for b in parts for c in coords]


def values(columns, n=6, seed=0):
    return np.random.default_rng(seed).random((n, len(columns))) + 0.01


def write_csv(path, columns, data, index=None):
    names = (
        ("scorer", "individuals", "bodyparts", "coords") if len(columns[0]) == 4 else ("scorer", "bodyparts", "coords")
    )
    lines = [",".join([name, *(label[n] for label in columns)]) for n, name in enumerate(names)]
    index = range(len(data)) if index is None else index
    lines += [
        ",".join([str(i), *("" if np.isnan(v) else repr(float(v)) for v in row)])
        for i, row in zip(index, data, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_table(path, columns, data, kind=None):
    """DataFrame.to_hdf(key="df_with_missing", format="table"): one compound dataset, labels pickled by protocol 0."""
    with h5py.File(path, "w") as h5:
        group = h5.create_group("df_with_missing")
        group.attrs["pandas_type"] = np.bytes_(b"frame_table")
        rows = np.zeros(len(data), dtype=[("index", "<i8"), ("values_block_0", "<f8", (len(columns),))])
        rows["index"], rows["values_block_0"] = np.arange(len(data)), data
        group["table"] = rows
        group["table"].attrs["values_block_0_kind"] = np.bytes_(kind or pickle.dumps(columns, protocol=0))


def write_fixed(path, columns, data):
    """The same with format="fixed": labels as levels and codes."""
    with h5py.File(path, "w") as h5:
        group = h5.create_group("df_with_missing")
        group.attrs.update({"pandas_type": np.bytes_(b"frame"), "nblocks": 1, "block0_items_nlevels": len(columns[0])})
        for n, level in enumerate(zip(*columns, strict=True)):
            names = sorted(set(level))
            group[f"block0_items_level{n}"] = np.array(names, dtype="S")
            group[f"block0_items_label{n}"] = np.array([names.index(name) for name in level], dtype=np.int8)
        group["block0_values"], group["axis1"] = data, np.arange(len(data))


WRITERS = {"csv": (write_csv, ".csv"), "table": (write_table, ".h5"), "fixed": (write_fixed, ".h5")}


def read(path, skeleton=None):
    return read_keypoints(KeypointSource(path, "deeplabcut"), "cam1", skeleton=skeleton)


@pytest.mark.parametrize("layout", WRITERS)
@pytest.mark.parametrize("individuals", [None, ["one", "two"]])
def test_every_layout_holds_the_same(tmp_path, layout, individuals):
    write, suffix = WRITERS[layout]
    columns = labels(individuals)
    data = values(columns)
    data[2, :51] = np.nan
    write(tmp_path / f"cam1{suffix}", columns, data)
    found = read(tmp_path / f"cam1{suffix}")
    given = data.reshape(6, -1, 17, 3)
    rows = [(f, p) for f in range(6) for p in range(given.shape[1]) if (f, p) != (2, 0)]
    assert list(zip(found.frame.tolist(), found.person.tolist(), strict=True)) == rows
    assert (found.keypoint_set, found.n_frames) == ("coco17", 6)
    expected = np.stack([given[row] for row in rows])
    assert np.array_equal(found.uv_px[:, :, 0].numpy(), expected[..., :2])
    assert np.allclose(found.log_weight[..., 0].exp().numpy(), expected[..., 2].clip(max=1), atol=1e-15)


def test_bodyparts_are_matched_by_name_in_any_order(tmp_path):
    order = np.random.default_rng(3).permutation(17)
    styles = [
        lambda n: n,
        str.upper,
        lambda n: n.replace("left_", "L").replace("right_", "R"),
        lambda n: n.replace("_", " "),
    ]
    names = [styles[k % 4](PARTS[n]) for k, n in enumerate(order)]
    columns = labels(parts=names)
    data = values(columns)
    write_csv(tmp_path / "a.csv", columns, data)
    found = read(tmp_path / "a.csv")
    assert np.array_equal(found.uv_px[:, order, 0].numpy(), data.reshape(6, 17, 3)[..., :2])


def test_hand_labelled_points_have_no_likelihood_and_image_names_for_frames(tmp_path):
    columns = labels(coords=("x", "y"))
    write_csv(
        tmp_path / "a.csv", columns, values(columns, 2), ["labeled-data/v1/img0040.png", "labeled-data/v1/img0007.png"]
    )
    found = read(tmp_path / "a.csv")
    assert found.frame.tolist() == [7, 40]
    assert (found.log_weight == 0).all()


def test_an_image_path_may_take_three_columns(tmp_path):
    head = [
        f"{name},,,{','.join(label[n] for label in labels(coords=('x', 'y')))}"
        for n, name in enumerate(("scorer", "bodyparts", "coords"))
    ]
    (tmp_path / "a.csv").write_text("\n".join([*head, "labeled-data,v1,img0040.png" + ",1.5" * 34]), encoding="utf-8")
    assert read(tmp_path / "a.csv").frame.tolist() == [40]


def test_a_part_of_a_set_needs_its_name(tmp_path, caplog):
    columns = labels(parts=["Nose", "LAnkle", "tail"])
    write_csv(tmp_path / "a.csv", columns, values(columns))
    with pytest.raises(DetectionError, match=r"Nose, LAnkle, tail.*halpe26"):
        read(tmp_path / "a.csv")
    with caplog.at_level(logging.WARNING, "mocap3d"):
        found = read(tmp_path / "a.csv", "coco17")
    assert found.uv_px[0, :, 0, 0].isfinite().nonzero().ravel().tolist() == [0, 15]
    assert "tail" in caplog.text


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    marker = tmp_path / "ran"
    evil = b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR."
    columns = labels()
    write_table(tmp_path / "a.h5", columns, values(columns), kind=evil)
    with pytest.raises(DetectionError, match=r"refused to load \S+\.system.*CSV"):
        read(tmp_path / "a.h5")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("a,b\n1,2\n", "does not begin with the rows"),
        ("scorer,n,n,n\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n", "no rows"),
        ("scorer,n,n,n\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n0,1,2\n", "does not fit its header"),
        ("scorer,n,n,n\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n0,1,2,z\n", "does not fit its header"),
        ("scorer,n,n,n\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\nno,1,2,3\n", "no frame number"),
        ("scorer,n\nbodyparts,nose\ncoords,x\n0,1\n", "needed are"),
        ("scorer,n,n,n\nbodyparts,nose,nose,nose\ncoords,x,y,z\n0,1,2,3\n", "coordinates x, y, z"),
        ("scorer,n,n\nbodyparts,nose\ncoords,x,y\n0,1,2\n", "does not fit its header"),
    ],
)
def test_broken_csv_is_named(tmp_path, text, needs):
    (tmp_path / "cam1.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DetectionError, match=needs) as error:
        read(tmp_path / "cam1.csv")
    assert "cam1.csv" in str(error.value)


def test_broken_h5_is_named(tmp_path):
    (tmp_path / "cam1.h5").write_bytes(b"no hdf5 at all")
    with pytest.raises(DetectionError, match="no table of numbers"):
        read(tmp_path / "cam1.h5")
    with h5py.File(tmp_path / "cam2.h5", "w") as h5:
        h5["tracks"] = np.zeros(3)
    with pytest.raises(DetectionError, match="holds 0 pandas tables"):
        read(tmp_path / "cam2.h5")
    with pytest.raises(DetectionError, match="exactly one for this view"):
        read(tmp_path)
