"""3DPW (von Marcard et al. 2018): its files, its frames, and the public protocols of scoring on it."""
