"""``mocap3d calibrate`` on a session's own people: checked, and what is said where that cannot be."""

import json

import pytest
import tiny_session

from mocap3d.cli.app import main


@pytest.fixture
def root(tmp_path):
    return tiny_session.copy_of_tiny_session(tmp_path / "session")


def test_cameras_that_nobody_touched_hold(root, capsys):
    assert main(["calibrate", str(root), "--check", "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert set(checks) == set(tiny_session.VIEWS)
    assert all(each["holds"] for each in checks.values())
    assert not (root / "calibration.toml").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--check", "--refine"), "'check', 'refine' were asked for at once"),
        (("--from-scene",), "holds pictures of 0 views; needed is one of the room from each camera"),
    ],
)
def test_what_cannot_be_is_named(root, capsys, options, complaint):
    assert main(["calibrate", str(root), *options]) == 2
    assert complaint in capsys.readouterr().err


def test_options_of_people_stand_in_session_toml(root, capsys):
    with (root / "session.toml").open("a", encoding="utf-8") as file:
        file.write("[calibrate.people]\nheight = 1.8\n")
    assert main(["calibrate", str(root), "--from-people"]) == 2
    assert "unknown key 'calibrate.people.height'. Did you mean 'height_m'?" in capsys.readouterr().err
