"""What a user may choose about the association of sightings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AssociateOptions:
    """How sightings of different views and instants become people."""

    n_people: int | None = None
    """How many people to keep, those seen most; 1 = the main subject. None keeps everyone found."""
    people: tuple[str, ...] = ()
    """Names for the people, in order of presence; those beyond the list are called P1, P2 ..."""
    agree_m: float = 0.12
    """How far from a person's keypoints, in metres, the rays of the person's sightings typically pass at most."""
    height_m: tuple[float, float] = (0.6, 2.4)
    """Smallest and largest body height taken for human, as judged from limb lengths."""
    min_keypoints: int = 5
    """A sighting with fewer keypoints is ignored; two views must share as many to start a person."""
    min_score: float = 0.1
    """Keypoints with a lower score have no say in who is who (they stay in the result)."""
    lost_s: float = 0.5
    """A person whom fewer than two views have seen for longer than this has left."""
    join_s: float = 5.0
    """Longest absence after which a person is recognised by place and limb lengths."""
    min_seen_s: float = 0.25
    """Who is seen for less than this is a ghost (in a short recording: for less than a quarter of it)."""

    def __post_init__(self):
        if not self.height_m[0] < self.height_m[1]:
            raise ValueError(
                f"height_m is {self.height_m[0]:g} to {self.height_m[1]:g}; needed is the smallest height before the "
                "largest, like 0.6 and 2.4 metres."
            )
