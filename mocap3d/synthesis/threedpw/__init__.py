"""Sequence files in the exact layout of 3DPW, from motions at hand: to test what reads and scores them."""
