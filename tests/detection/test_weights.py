import hashlib

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mocap3d.detection import weights
from mocap3d.errors import DetectionError

CARD = {"name": "small", "licence": "BSD-3-Clause", "metrics": {"PCK": 0.5}}


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


@pytest.fixture
def path(net, tmp_path):
    weights.save(tmp_path / "small.safetensors", net.state_dict(), CARD)
    return tmp_path / "small.safetensors"


def test_round_trip_with_card(net, path):
    file = weights.load(path)
    assert file.card == CARD
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    other = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    weights.fill(other, file)
    assert torch.equal(other[0].weight, net[0].weight.half().float())


def test_full_precision_on_request(net, tmp_path):
    weights.save(tmp_path / "exact.safetensors", net.state_dict(), CARD, half=False)
    assert torch.equal(weights.load(tmp_path / "exact.safetensors").tensors["0.weight"], net[0].weight)


def test_same_weights_same_bytes(net, path, tmp_path):
    turned = dict(reversed(net.state_dict().items()))
    weights.save(tmp_path / "again.safetensors", turned, dict(reversed(CARD.items())))
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", weights.shipped())
def test_shipped_weights_are_whole_and_say_where_they_are_from(name):
    file = weights.load(name)
    assert file.card["name"] == name
    for key in ("licence", "data", "metrics", "command"):
        assert file.card[key]


def test_detector_and_baseline_are_shipped():
    assert {"person-detector", "blazepose-full"} <= set(weights.shipped())


def test_shipped_weights_fit_a_package():
    assert sum(path.stat().st_size for path in weights.SHIPPED.iterdir()) < 60e6


def test_unknown_name_offers_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DetectionError, match=r"no weights 'blazepose-ful'. Did you mean 'blazepose-full'.*downloaded"):
        weights.load("blazepose-ful")


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:0], lambda b: b"\x80\x04pickle" + b])
def test_damaged_files_are_refused(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DetectionError, match=r"small.safetensors cannot be read as weights"):
        weights.load(path)


def test_a_card_that_is_no_table_is_refused(path, tmp_path):
    save_file(dict(weights.load(path).tensors), tmp_path / "list.safetensors", {"card": "[1]"})
    with pytest.raises(DetectionError, match=r"card that is a list\. Needed: a table"):
        weights.load(tmp_path / "list.safetensors")


def test_a_folder_is_no_weights(tmp_path):
    with pytest.raises(DetectionError, match="no weights"):
        weights.load(tmp_path)


def test_a_changed_shipped_file_is_refused(path, monkeypatch):
    monkeypatch.setattr(weights, "SHIPPED", path.parent)
    monkeypatch.setattr(weights, "SUMS", path.parent / "SHA256SUMS")
    weights.record(path)
    assert weights.load("small").card == CARD
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DetectionError, match="not the file that was shipped"):
        weights.load("small")


def test_other_networks_weights_are_refused(path):
    with pytest.raises(DetectionError) as error:
        weights.fill(nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2), nn.Linear(2, 2)), weights.load(path))
    text = str(error.value)
    assert "2 missing (2.bias)" in text
    assert "0.bias (4,) instead of (5,)" in text
    assert "holds: small" in text


def test_diverged_weights_are_neither_written_nor_read(net, tmp_path):
    state, path = net.state_dict(), tmp_path / "nan.safetensors"
    state["1.bias"][0] = torch.nan
    with pytest.raises(DetectionError, match=r"not written: 1.bias .*diverged"):
        weights.save(path, state, CARD)
    assert not path.exists()
    save_file(state, path)
    with pytest.raises(DetectionError, match=r"1.bias holds numbers that are not finite"):
        weights.load(path)


def test_what_exceeds_half_precision_is_not_written(net, tmp_path):
    state = net.state_dict()
    state["1.bias"][0] = 1e5
    with pytest.raises(DetectionError, match="exceeds half precision"):
        weights.save(tmp_path / "large.safetensors", state, CARD)
    weights.save(tmp_path / "large.safetensors", state, CARD, half=False)
    assert weights.load(tmp_path / "large.safetensors").tensors["1.bias"][0] == 1e5
