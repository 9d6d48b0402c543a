"""Labels people in videos by BlazePose, as training samples that are believed only in part.

    python tools/pseudo_label.py --weights blazepose-heavy.safetensors --out real/ --every 3 videos/*.mp4

A label counts where three looks agree: at the searched person, again at where the first look places them, and at the
mirror image. Its weight is at most 0.7, as no label of a network is exact. ``--sheet`` draws what was kept.
"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from mocap3d.detection.boxes import PersonBox, box_of_keypoints
from mocap3d.detection.crops import along
from mocap3d.detection.landmarks import LandmarkFinder, next_boxes
from mocap3d.detection.persons import PersonFinder
from mocap3d.session.samples import Samples, Visibility, write_samples
from mocap3d.session.video import frames, probe
from mocap3d.skeletons.skeleton import load_skeleton

SIZE_PX = (192, 256)
LOOK_PX = (256, 256)
MIN_SCORE = 0.8  # that the crop shows a person
MAX_WEIGHT, MIN_WEIGHT = 0.7, 0.3
AGREEMENT = 0.08  # torso lengths between the looks at which a label loses 40 % of its weight
MIN_LABELS, SURE = 7, 0.45  # visible labels of at least this weight, or the sample is left out
PER_SHARD = 500
BLAZEPOSE, HALPE = load_skeleton("blazepose33"), load_skeleton("halpe26")
TWIN = {"LBigToe": "LFootIndex", "RBigToe": "RFootIndex"}
MIDDLES = {"Neck": ("LShoulder", "RShoulder"), "Hip": ("LHip", "RHip")}
MIDDLE_WEIGHT = 0.6  # of their ends' weight: the middle of two shoulders is below where the neck is marked


@dataclass(frozen=True)
class Seen:
    """One person in one picture, by three looks; image pixels."""

    box: PersonBox
    """Turned with the person."""
    uv_px: np.ndarray
    """(33, 2)"""
    visibility: np.ndarray
    """(33,) probability."""
    spread: np.ndarray
    """(33,) largest distance between looks, in torso lengths."""


def look(image: np.ndarray, boxes: list[PersonBox], network: LandmarkFinder) -> list[Seen]:
    """The people whom the network still sees when it looks again."""
    if not boxes:
        return []
    crops = along(boxes, LOOK_PX)
    first = network(crops.cut(image))
    first_px = crops.to_image(first.uv_px.double())
    crops = along(next_boxes(first_px, first.score.tolist()), LOOK_PX)
    pixels = crops.cut(image)
    second, third = network(pixels), network(np.ascontiguousarray(pixels[:, :, ::-1]))
    back = third.uv_px[:, :33][:, list(BLAZEPOSE.mirror)].double()
    back[..., 0] = LOOK_PX[0] - 1 - back[..., 0]
    second_px, third_px = crops.to_image(second.uv_px.double()), crops.to_image(back)
    visibility = (second.visibility[:, :33] + third.visibility[:, :33][:, list(BLAZEPOSE.mirror)]) / 2
    seen = []
    for n, box in enumerate(next_boxes(second_px, second.score.tolist())):
        if min(first.score[n], second.score[n], third.score[n]) < MIN_SCORE:
            continue
        looks = np.stack([first_px[n, :33], second_px[n, :33], third_px[n]])
        middle = looks[1:].mean(0)
        spread = np.linalg.norm(looks - middle, axis=2).max(0) / torso_px(middle)
        seen.append(Seen(box, middle, visibility[n].numpy(), spread))
    return seen


def torso_px(uv_px: np.ndarray) -> float:
    """Middle of the shoulders to middle of the hips, at least a little: people may bend towards the camera."""
    at = {name: uv_px[BLAZEPOSE.index(name)] for name in ("LShoulder", "RShoulder", "LHip", "RHip")}
    length = np.linalg.norm(at["LShoulder"] + at["RShoulder"] - at["LHip"] - at["RHip"]) / 2
    return max(float(length), 0.5 * float(np.linalg.norm(at["LShoulder"] - at["RShoulder"])), 1.0)


def labels(seen: Seen, image_px: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """HALPE-26 keypoints in image pixels, their visibility and weight; what BlazePose does not know is NaN."""
    uv_px, weight = np.full((26, 2), np.nan), np.zeros(26)
    visible = np.full(26, np.nan)
    trust = MAX_WEIGHT * np.exp(-0.5 * (seen.spread / AGREEMENT) ** 2)
    for n, name in enumerate(HALPE.keypoints):
        ends = [
            BLAZEPOSE.index(end) for end in MIDDLES.get(name, (TWIN.get(name, name),)) if end in BLAZEPOSE.keypoints
        ]
        if not ends:
            continue
        uv_px[n], visible[n] = seen.uv_px[ends].mean(0), seen.visibility[ends].min()
        weight[n] = trust[ends].min() * (MIDDLE_WEIGHT if name in MIDDLES else 1)
    inside = ((uv_px > -0.5) & (uv_px < np.array(image_px) - 0.5)).all(1)
    unsure = (visible > 0.35) & (visible < 0.65)  # neither clearly seen nor clearly hidden: no label of either
    weight[(weight < MIN_WEIGHT * MIDDLE_WEIGHT) | (inside & unsure)] = 0
    state = np.where(visible > 0.5, Visibility.VISIBLE, Visibility.HIDDEN)
    return uv_px, np.where(inside & (weight > 0), state, Visibility.UNKNOWN), weight


def sample_box(seen: Seen, uv_px: np.ndarray, state: np.ndarray, rng: np.random.Generator) -> PersonBox:
    """As boxes are in use: around the whole body, as a search gives it, or around the keypoints in the picture."""
    quarter = round(seen.box.tilt_rad / (math.pi / 2)) * math.pi / 2  # a camera on its side, not a person who leans
    around = box_of_keypoints(np.where((state == Visibility.VISIBLE)[:, None], uv_px, np.nan))
    box = seen.box if around is None or rng.random() < 0.4 else around
    return PersonBox(box.centre_px, box.size_px, box.score, quarter)


def samples_of(video: Path, every: int, finder: PersonFinder, network: LandmarkFinder) -> Iterator[tuple[int, tuple]]:
    """(frame, (JPEG, uv_px, visibility, weight)) of every person kept."""
    rng = np.random.default_rng(0)
    for frame, image in frames(video, range(0, len(probe(video).t_s), every)):
        for seen in look(image, finder([image])[0], network):
            uv_px, state, weight = labels(seen, (image.shape[1], image.shape[0]))
            if ((state == Visibility.VISIBLE) & (weight >= SURE)).sum() < MIN_LABELS:
                continue
            crops = along([sample_box(seen, uv_px, state, rng)], SIZE_PX)
            in_crop = crops.to_crop(torch.from_numpy(uv_px)[None])[0].numpy()
            outside = ~((in_crop > -0.5) & (in_crop < np.array(SIZE_PX) - 0.5)).all(1)
            pixels = cv2.cvtColor(crops.cut(image)[0], cv2.COLOR_RGB2BGR)
            jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
            yield frame, (jpeg, in_crop, np.where(outside, Visibility.UNKNOWN, state), weight)


def shard(rows: list[tuple]) -> Samples:
    """Samples without anything known in 3D."""
    n = len(rows)
    uv_px, state, weight = (np.stack([row[column] for row in rows]) for column in (1, 2, 3))
    unknown = np.full((n, 26, 3), np.nan, np.float32)
    return Samples(
        encoded=tuple(row[0] for row in rows),
        uv_px=uv_px.astype(np.float32),
        visibility=state.astype(np.int8),
        weight=weight.astype(np.float32),
        p_in_cam=unknown,
        matrix=np.tile(np.eye(3, dtype=np.float32), (n, 1, 1)),
        cam_from_world=np.full((n, 3, 4), np.nan, np.float32),
        instant=np.full(n, -1, np.int64),
        clip=np.full(n, -1, np.int64),
        frame=np.zeros(n, np.int64),
    )


def sheet(samples: Samples, count: int = 40) -> np.ndarray:
    """A picture of some samples: green seen, magenta hidden, brightness the weight."""
    pictures = []
    for n in np.linspace(0, len(samples.encoded) - 1, count).astype(int):
        picture = cv2.imdecode(np.frombuffer(samples.encoded[n], np.uint8), cv2.IMREAD_COLOR)
        for (x, y), state, weight in zip(samples.uv_px[n], samples.visibility[n], samples.weight[n], strict=True):
            if weight > 0 and state:
                level = int(255 * weight / MAX_WEIGHT)
                colour = (0, level, 0) if state == Visibility.VISIBLE else (level, 0, level)
                cv2.circle(picture, (round(x), round(y)), 3, colour, -1)
        pictures.append(picture)
    return np.vstack([np.hstack(pictures[row : row + 8]) for row in range(0, count - count % 8, 8)])


def main() -> None:
    """Parses, labels, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--weights", required=True, help="blazepose-heavy, as tools/convert_blazepose.py writes it")
    parser.add_argument("--out", type=Path, required=True, help="folder for shards of samples")
    parser.add_argument("--every", type=int, default=3, help="use every n-th frame")
    parser.add_argument("--sheet", type=Path, help="a PNG of some of the samples")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    finder, network = PersonFinder.shipped(device), LandmarkFinder.load(args.weights, device)
    rows: list[tuple] = []
    for video in args.videos:
        before = len(rows)
        rows += [row for _, row in samples_of(video, args.every, finder, network)]
        print(f"{video}: {len(rows) - before} samples", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(0).permutation(len(rows))
    for start in range(0, len(rows), PER_SHARD):
        part = shard([rows[n] for n in order[start : start + PER_SHARD]])
        write_samples(args.out / f"shard_{start // PER_SHARD:05}.npz", part)
        if args.sheet and start == 0:
            cv2.imwrite(str(args.sheet), sheet(part))


if __name__ == "__main__":
    main()
