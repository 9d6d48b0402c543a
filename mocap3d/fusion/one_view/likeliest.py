"""One candidate per keyframe, such that the whole is likeliest."""

import numpy as np
from jaxtyping import Float, Int


def likeliest(
    energy: Float[np.ndarray, "n c"], places: Float[np.ndarray, "n c m 3"], spread_m: float, most: float
) -> Int[np.ndarray, " n"]:
    """Viterbi (1967): least energy of the candidates plus what they move from one keyframe to the next.

    Movement counts in units of ``spread_m``, and never more than ``most``: a leap is possible.
    """
    cost, came_from = energy[0], []
    for now in range(1, len(energy)):
        moved2 = ((places[now - 1][:, None] - places[now][None]) ** 2).sum((-2, -1)) / spread_m**2
        total = cost[:, None] + most * moved2 / (2 * most + moved2)
        came_from.append(total.argmin(0))
        cost = total.min(0) + energy[now]
    chosen = [int(cost.argmin())]
    for back in reversed(came_from):
        chosen.append(int(back[chosen[-1]]))
    return np.array(chosen[::-1])
