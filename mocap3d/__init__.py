"""Markerless 3D motion capture from several calibrated cameras."""
