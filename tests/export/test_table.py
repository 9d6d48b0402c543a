"""Tables that are not one row per instant."""

import csv
import math

import pytest

from mocap3d.export.table import write_table


def test_read_back(tmp_path):
    write_table({"side": ["Left", "Right"], "length_m": [1.25, math.nan], "n": [1, 2]}, tmp_path / "t.csv", "of Ada")
    lines = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    assert [line[0] for line in lines[:2]] == ["#", "#"]
    assert list(csv.reader(lines[2:])) == [["side", "length_m", "n"], ["Left", "1.25", "1"], ["Right", "", "2"]]


def test_columns_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(ValueError, match="longer than"):
        write_table({"a": [1], "b": [1, 2]}, tmp_path / "t.csv", "")
    assert not (tmp_path / "t.csv").exists()
