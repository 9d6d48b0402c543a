"""The roof: parses, prints and shows progress; no logic."""

from mocap3d.cli.app import main

__all__ = ["main"]
