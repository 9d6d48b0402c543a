"""Seeing it: the report, overlays, figures for papers, and a viewer."""
