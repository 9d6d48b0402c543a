"""People in 3D from one view, still or moving, whose poses are known: a jointed body fitted to whole sequences."""
