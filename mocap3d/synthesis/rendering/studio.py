"""Everything that is loaded once and drawn from ever after: bodies, garments, motions, panoramas."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import UInt8

from mocap3d.errors import FormatError, Mocap3dError
from mocap3d.session.images import image_paths
from mocap3d.synthesis.rendering.anny_body import anny_body, is_installed
from mocap3d.synthesis.rendering.body import Body
from mocap3d.synthesis.rendering.garments import Garment, of_kind, read_garments
from mocap3d.synthesis.rendering.mannequin import mannequin
from mocap3d.synthesis.rendering.motions import Motions, read_motions

BodyName = Literal["auto", "anny", "mannequin"]
_PANORAMA_PX = (1024, 512)


@dataclass(frozen=True, slots=True, eq=False)
class Studio:
    """What pictures are made of."""

    body: Body
    garments: Mapping[str, tuple[Garment, ...]]
    """By kind; empty without assets."""
    motions: Motions | None
    panoramas: tuple[UInt8[np.ndarray, "h w 3"], ...]
    """RGB."""


@dataclass(frozen=True)
class StudioOptions:
    """Where the material of the pictures is."""

    body: BodyName = "auto"
    """anny: people; mannequin: jointed dolls that need no package; auto: anny where it is installed."""
    people: int = 0
    """Seed of the 400 anny bodies: another number, other people."""
    assets: Path | None = None
    """Folder of MakeHuman's CC0 clothes and hair. Without it clothes are painted on the body."""
    motions: Path | None = None
    """Folder of motion files (.amc with .asf, .bvh, .npz, .npy). Without it poses are made up, and clips are walks."""
    panoramas: Path | None = None
    """Folder of equirectangular pictures. Without it people are in drawn rooms and before plain pictures."""

    def __post_init__(self) -> None:
        """Refuses a seed that no generator takes."""
        if self.people < 0:
            raise ValueError(f"--people {self.people}: needed is at least 0.")


def open_studio(options: StudioOptions) -> Studio:
    """Loads all of it; anny's first start takes a minute. Mocap3dError where a folder is not what it should be."""
    with_anny = options.body == "anny" or (options.body == "auto" and is_installed())
    if options.assets and not with_anny:
        raise Mocap3dError(
            f"--assets {options.assets}: MakeHuman's clothes need the body 'anny'. Needed: `--body anny` and "
            "`pip install 'mocap3d[synthesis]'`, or no --assets."
        )
    body = anny_body(options.people) if with_anny else mannequin()
    return Studio(
        body=body,
        garments=of_kind(read_garments(options.assets, body)) if options.assets else {},
        motions=read_motions(options.motions) if options.motions else None,
        panoramas=read_panoramas(options.panoramas) if options.panoramas else (),
    )


def read_panoramas(folder: Path) -> tuple[UInt8[np.ndarray, "h w 3"], ...]:
    """All pictures of a folder, twice as wide as high; FormatError where there is none, or one is not."""
    if not folder.is_dir() or not image_paths(folder):
        raise FormatError(f"{folder}: found no pictures. Needed: a folder of equirectangular panoramas (.jpg, .png).")
    panoramas = []
    for path in image_paths(folder):
        picture = _picture(path)
        height, width = picture.shape[:2]
        if width != 2 * height:
            raise FormatError(
                f"{path} has {width}x{height} px. Needed: equirectangular panoramas, twice as wide as high. Remove it."
            )
        panoramas.append(cv2.resize(picture, _PANORAMA_PX, interpolation=cv2.INTER_AREA).astype(np.uint8))
    return tuple(panoramas)


def _picture(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    coded = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if coded is None:
        raise FormatError(f"{path} is not readable as a picture. Export it again, or remove it.")
    return cv2.cvtColor(coded, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
