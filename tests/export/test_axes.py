"""Each conversion is a proper rotation, told apart by one asymmetric point."""

import pytest
import torch

from mocap3d.export.axes import BLENDER_Y_UP, OPENSIM, WORLD, Axes

ONE_TWO_THREE = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)


@pytest.mark.parametrize(("axes", "expected"), [(OPENSIM, (2, 3, 1)), (BLENDER_Y_UP, (1, 3, -2)), (WORLD, (1, 2, 3))])
def test_one_asymmetric_point(axes: Axes, expected):
    assert tuple(axes.from_world(ONE_TWO_THREE).tolist()) == expected
    assert torch.equal(axes.to_world(axes.from_world(ONE_TWO_THREE)), ONE_TWO_THREE)


@pytest.mark.parametrize("axes", [OPENSIM, BLENDER_Y_UP, WORLD])
@pytest.mark.parametrize("batch", [(), (1,), (2, 0, 3), (4, 5)])
def test_is_a_proper_rotation(axes: Axes, batch):
    rotation = axes.rotation_from_world()
    p = torch.randn(*batch, 3, dtype=torch.float64)
    assert torch.linalg.det(rotation) == 1
    assert torch.equal(rotation @ rotation.T, torch.eye(3, dtype=torch.float64))
    assert torch.equal(axes.from_world(p), (rotation @ p[..., None])[..., 0])


@pytest.mark.parametrize("axes", [OPENSIM, BLENDER_Y_UP])
def test_up_stays_up_and_right_stays_right(axes: Axes):
    """Somebody walks along world +Y: the right hip is at world +X of the left one."""
    forward, right, up = (axes.from_world(torch.tensor(v)) for v in ([0.0, 1, 0], [1.0, 0, 0], [0.0, 0, 1]))
    assert up.tolist() == [0, 1, 0]
    assert torch.equal(torch.linalg.cross(forward, up), right)
