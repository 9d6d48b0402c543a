"""Skeletons fitted to whole sequences: constant lengths and offsets, joints that turn, and how far all may be off."""
