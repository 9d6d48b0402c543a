"""People's recorded motion, read from files and turned into keypoints."""
