"""When each view was filmed: offsets between cameras that were not started together, from what they saw."""
