"""Covariances of what a tree moves, against the product of whole matrices."""

import numpy as np

from mocap3d.solve import tree_spread


def test_spread_is_the_product_of_whole_matrices():
    rng = np.random.default_rng(0)
    moves = rng.normal(size=(3, 5, 3, 7)) * (rng.random((3, 5, 1, 7)) < 0.4)
    moves[0, 1] = 0  # moved by nothing
    moves[:, :, 2, 3] = 0  # along two axes only
    half = rng.normal(size=(3, 7, 7))
    cov, out = half @ half.transpose(0, 2, 1), np.full((3, 5, 3, 3), np.nan)
    tree_spread.covariances(moves, cov, out)
    assert np.allclose(out, moves @ cov[:, None] @ moves.transpose(0, 1, 3, 2), atol=1e-12)
