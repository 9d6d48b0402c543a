"""Colours that people with colour-blindness tell apart: Okabe and Ito (2008) for kinds, cividis for amounts."""

import numpy as np

BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION = "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"
SIDES = {"left": BLUE, "right": VERMILLION, "middle": "#8a8f98"}
PEOPLE = (SKY, ORANGE, GREEN, PURPLE, BLUE, VERMILLION)
_CIVIDIS = np.array(
    [
        *((0, 34, 78), (18, 53, 112), (59, 73, 108), (87, 93, 109), (112, 113, 115)),
        *((138, 134, 120), (165, 156, 116), (195, 179, 105), (225, 204, 85), (254, 232, 56)),
    ]
)
"""Nuñez, Anderton and Renslow (2018), every ninth of the way."""


def rgb(colour: str) -> tuple[int, int, int]:
    """``#0072b2`` as red, green, blue."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def sequential(share: float) -> tuple[str, str]:
    """Fill for a share from 0 (dark blue) to 1 (yellow), and an ink that is read on it."""
    place = min(max(share, 0.0), 1.0) * (len(_CIVIDIS) - 1)
    below = min(int(place), len(_CIVIDIS) - 2)
    red, green, blue = (
        (_CIVIDIS[below] + (place - below) * (_CIVIDIS[below + 1] - _CIVIDIS[below])).round().astype(int).tolist()
    )
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    return f"#{red:02x}{green:02x}{blue:02x}", "#10151c" if light > 125 else "#f4f6f8"
