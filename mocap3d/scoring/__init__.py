"""Where evaluation meets what is evaluated: the fits, the detector, and whole sessions."""
