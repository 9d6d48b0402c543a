"""File names of people, and which files of an earlier run go."""

import json
import os
from dataclasses import replace

import pytest
from tracks3d import make_points

from mocap3d.errors import SessionError
from mocap3d.export.results import check_writable, file_stems, write_results


@pytest.mark.parametrize(
    ("people", "stems"),
    [
        (("P1", "P2"), ["P1", "P2"]),
        (("Ada Lovelace", "Jürgen"), ["Ada_Lovelace", "Jürgen"]),
        (("a/b", "a\\b", "A_B"), ["a_b", "a_b_2", "A_B_3"]),
        (("..", ".hidden", "../../etc/passwd", ""), ["person", "hidden", "etc_passwd", "person_2"]),
    ],
)
def test_names_of_people_become_names_of_files(people, stems):
    assert file_stems(people) == stems


def test_the_summary_lists_what_was_written(tmp_path):
    paths = write_results(make_points(), {"n_frames": 5}, tmp_path, ("trc", "csv"))
    assert [path.name for path in paths] == ["Ada.csv", "Ada.trc", "Bo.csv", "Bo.trc", "summary.json"]
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert (summary["n_frames"], summary["files"]) == (5, [path.name for path in paths[:-1]])
    assert summary["program"].startswith("mocap3d ")


def test_only_files_of_ours_that_are_out_of_date_go(tmp_path):
    points = make_points()
    write_results(points, {}, tmp_path / "results")
    (tmp_path / "results" / "Cy.trc").write_text("of somebody else", encoding="utf-8")
    write_results(replace(points, people=("Ada", "Di")), {}, tmp_path / "results", ("trc",))
    names = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert names == ["Ada.trc", "Cy.trc", "Di.trc", "summary.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"files": 3}', '{"files": ["../keep.csv", "notes.txt", 7, "sub/x.npz"]}'])
def test_a_foreign_summary_cannot_make_us_delete(text, tmp_path):
    kept = [tmp_path / "keep.csv", tmp_path / "results" / "notes.txt", tmp_path / "results" / "sub" / "x.npz"]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine", encoding="utf-8")
    (tmp_path / "results" / "summary.json").write_text(text, encoding="utf-8")
    write_results(make_points(), {}, tmp_path / "results", ("trc",))
    assert [path.read_text(encoding="utf-8") for path in kept] == ["mine"] * 3


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(SessionError, match=r"cannot be written to \(Not a directory\)\. Needed: a folder"):
        write_results(make_points(), {}, tmp_path / "file" / "results")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_is_open_elsewhere_leaves_all_results_of_before(tmp_path, monkeypatch):
    """Windows lets nobody rename what Excel shows: new skeletons beside an old table would belong to two runs."""
    write_results(make_points(), {"run": 1}, tmp_path, ("trc", "csv"))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    replace_file = os.replace

    def refusing(source, target):
        if target == tmp_path / "Bo.trc":
            raise PermissionError(13, "The process cannot access the file", str(target))
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", refusing)
    for attempt in (
        lambda: write_results(make_points(), {"run": 2}, tmp_path, ("trc", "csv")),
        lambda: write_results(make_points(), {"run": 2}, tmp_path, ("csv",)),  # which would take Bo.trc away
        lambda: check_writable(tmp_path),
    ):
        with pytest.raises(SessionError, match=r"Bo\.trc cannot be replaced: open in another program.*Close it"):
            attempt()
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
