"""Scenes with known truth: cameras, people in motion, and what a detector would make of them."""
