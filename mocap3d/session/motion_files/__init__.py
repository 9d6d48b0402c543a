"""Motion as other programs keep it: one file format, one module, one ``read_x(path)``."""
