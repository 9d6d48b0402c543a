"""A recording on disk: its folder, its videos and their times, and the records that all rooms share."""
