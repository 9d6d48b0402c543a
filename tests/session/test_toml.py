"""TOML tables become typed dataclasses, or errors that name file, key, finding and need."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Literal

import pytest

from mocap3d.errors import CalibrationError, SessionError
from mocap3d.session.toml import read_toml, typed


class Kind(StrEnum):
    BROWN = "brown"
    PINHOLE = "pinhole"


@dataclass(frozen=True)
class Inner:
    name: str
    height_m: float | None = None

    def __post_init__(self):
        if self.height_m is not None and self.height_m > 3:
            raise ValueError("height_m is in metres.")


@dataclass(frozen=True)
class Outer:
    flag: bool = False
    count: int = 1
    sigma_px: float = 4.0
    text: str = ""
    path: Path | None = None
    rate: Fraction | None = None
    kind: Kind = Kind.PINHOLE
    mode: Literal["fast", "exact"] = "fast"
    one: Inner | None = None
    people: tuple[Inner, ...] = ()
    size_px: tuple[int, int] = (0, 0)
    by_name: Mapping[str, Inner] = field(default_factory=dict)
    anything: Mapping[str, object] = field(default_factory=dict)
    text_or_number: str | float = 0.0


def parsed(text: str) -> Outer:
    return typed(tomllib.loads(text), Outer, source=Path("s.toml"))


def test_an_empty_table_is_the_defaults():
    assert parsed("") == Outer()


def test_every_kind_of_value_is_read():
    text = """
        flag = true
        count = 3
        sigma_px = 2
        text = "a"
        path = "x/y"
        rate = 59.94
        kind = "brown"
        mode = "exact"
        one = { name = "Ann" }
        size_px = [1920, 1080]
        text_or_number = 2.5
        anything = { deep = { er = [1, "a"] } }
        [[people]]
        name = "Bo"
        height_m = 2
        [by_name.cam1]
        name = "Cy"
    """
    assert parsed(text) == Outer(
        flag=True,
        count=3,
        sigma_px=2.0,
        text="a",
        path=Path("x/y"),
        rate=Fraction(60000, 1001),
        kind=Kind.BROWN,
        mode="exact",
        one=Inner("Ann"),
        people=(Inner("Bo", 2.0),),
        size_px=(1920, 1080),
        by_name={"cam1": Inner("Cy")},
        anything={"deep": {"er": [1, "a"]}},
        text_or_number=2.5,
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sigma_pix = 1", r"unknown key 'sigma_pix'\. Did you mean 'sigma_px'\? Known: 'flag'"),
        ("zzz = 1", r"unknown key 'zzz'\. Known"),
        ("[[people]]\nname = 'a'\nhight_m = 1", r"unknown key 'people\[0\]\.hight_m'\. Did you mean 'height_m'"),
        ("[[people]]\nheight_m = 1", r"'name' missing in \[people\[0\]\]; needed text"),
        ("[[people]]\nname = 'a'\nheight_m = 180", r"\[people\[0\]\] height_m is in metres"),
        ("people = 'Ann'", r"'people' is 'Ann'; needed a list, each of it a table"),
        ("flag = 1", r"'flag' is 1; needed true or false"),
        ("count = 1.0", r"'count' is 1\.0; needed a whole number"),
        ("count = true", r"'count' is True; needed a whole number"),
        ("sigma_px = true", r"'sigma_px' is True; needed a number"),
        ("sigma_px = '4'", r"'sigma_px' is '4'; needed a number"),
        ("sigma_px = nan", r"'sigma_px' is nan; needed a number"),
        ("sigma_px = -inf", r"'sigma_px' is -inf; needed a number"),
        ("text = 4", r"'text' is 4; needed text in quotes"),
        ("path = 4", r"'path' is 4; needed a path"),
        ("rate = 'fast'", r"'rate' is 'fast'; needed a rate: 60, 59\.94"),
        ("rate = [60]", r"'rate' is \[60\]; needed a rate"),
        ("kind = 'browm'", r"'kind' is 'browm'; needed one of 'brown', 'pinhole'\. Did you mean 'brown'"),
        ("kind = []", r"'kind' is \[\]; needed one of 'brown', 'pinhole'"),
        ("mode = 'fats'", r"needed one of 'fast', 'exact'\. Did you mean 'fast'"),
        ("size_px = [1]", r"'size_px' is \[1\]; needed a list of 2: a whole number, a whole number"),
        ("size_px = [1, 'a']", r"'size_px\[1\]' is 'a'; needed a whole number"),
        ("one = 3", r"'one' is 3; needed a table"),
        ("by_name = 3", r"'by_name' is 3; needed a table"),
        ("by_name.cam1 = 3", r"'by_name\.cam1' is 3; needed a table"),
        ("text_or_number = []", r"'text_or_number' is \[\]; needed text in quotes \(\"\.\.\.\"\) or a number"),
    ],
)
def test_a_wrong_table_is_refused(text, complaint):
    with pytest.raises(SessionError, match=complaint) as caught:
        parsed(text)
    assert str(caught.value).startswith("s.toml: ")


def test_the_error_names_the_table_that_was_given():
    with pytest.raises(CalibrationError, match=r"^a\.toml: unknown key 'reconstruct\.kount'\. Did you mean 'count'"):
        typed({"kount": 1}, Outer, source="a.toml", key="reconstruct", error=CalibrationError)


def test_a_byte_order_mark_is_no_error(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbfrate = 60\r\n")
    assert read_toml(path) == {"rate": 60}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"rate = \n", r"not valid TOML: .*line 1"),
        (b'path = "C:\\Users\\me"', r"not valid TOML: .*line 1.*'single quotes'"),
        (b"name = '\xff'", "UTF-8"),
        (b"a = 1\na = 2", "not valid TOML"),
        (None, "cannot be read"),
    ],
)
def test_a_broken_file_is_refused(tmp_path, content, complaint):
    path = tmp_path / "a.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SessionError, match=rf"a\.toml .*{complaint}"):
        read_toml(path)


def test_a_decimal_comma_is_told_apart_from_other_mistakes(tmp_path):
    path = tmp_path / "session.toml"
    path.write_text('[[people]]\nname = "Ada"\nheight_m = 1,75\n', encoding="utf-8")
    with pytest.raises(SessionError, match=r"decimal point: 1\.75, not 1,75"):
        read_toml(path)
    with pytest.raises(SessionError, match=r"height_m' is '1,75'; needed a number.* without quotes: 1\.75"):
        typed({"name": "Ada", "height_m": "1,75"}, Inner, source="session.toml")


def test_other_broken_lines_say_nothing_of_commas(tmp_path):
    path = tmp_path / "session.toml"
    path.write_text("size = [1,75\n", encoding="utf-8")
    with pytest.raises(SessionError) as caught:
        read_toml(path)
    assert "decimal" not in str(caught.value)
