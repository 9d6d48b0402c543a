"""Small Points3D records with measured, filled and missing points, for tests that read and write them."""

from fractions import Fraction

import torch

from mocap3d.session.records import Points3D, Provenance
from mocap3d.skeletons.skeleton import Skeleton, load_skeleton

NTSC = Fraction(60000, 1001)


def make_points(
    n_instants: int = 5,
    people: tuple[str, ...] = ("Ada", "Bo"),
    *,
    skeleton: Skeleton | None = None,
    rate: Fraction = NTSC,
    seed: int = 0,
) -> Points3D:
    """Random points; a tenth is missing (NaN), a tenth filled. The last keypoint is missing at instant 1."""
    skeleton = skeleton or load_skeleton("halpe26")
    generator = torch.Generator().manual_seed(seed)
    shape = (n_instants, len(people), len(skeleton.keypoints))
    p_in_world = torch.randn(*shape, 3, generator=generator, dtype=torch.float64)
    root_m = 0.01 * torch.randn(*shape, 3, 3, generator=generator, dtype=torch.float64)
    chance = torch.rand(shape, generator=generator)
    chance[1:2, :, -1] = 0.0
    provenance = torch.full(shape, int(Provenance.MEASURED), dtype=torch.int8)
    provenance[chance < 0.2] = int(Provenance.FILLED)
    provenance[chance < 0.1] = int(Provenance.MISSING)
    missing = provenance == int(Provenance.MISSING)
    cov_m2 = root_m @ root_m.mT
    return Points3D(
        skeleton=skeleton,
        people=people,
        t_s=torch.arange(n_instants, dtype=torch.float64) / float(rate),
        rate=rate,
        p_in_world=p_in_world.masked_fill(missing[..., None], torch.nan),
        cov_m2=cov_m2.masked_fill(missing[..., None, None], torch.nan),
        n_views=(2 * provenance).clamp(max=3),
        provenance=provenance,
    )
