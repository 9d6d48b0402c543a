"""3D motion as files for other programs: one format, one file, one ``write_x(...)``."""
