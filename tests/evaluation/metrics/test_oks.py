"""AP and recall against pycocotools on crowded random pictures."""

import contextlib
import io

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mocap3d.evaluation.metrics.oks import COCO_SIGMAS, Annotated, Predicted, average_precision

SIGMAS = torch.tensor(COCO_SIGMAS, dtype=torch.float64)


def random_people(seed: int, *, n_pictures: int = 25) -> tuple[list[dict], list[dict]]:
    """COCO annotations and results: false people, missed ones, crowds, and people without labelled keypoints."""
    rng = np.random.default_rng(seed)
    annotations, results = [], []
    for picture in range(1, n_pictures + 1):
        for _ in range(rng.integers(0, 5)):
            box = [*rng.uniform(0, 300, 2), *rng.uniform(60, 200, 2)]
            uv = rng.uniform(0, 1, (17, 2)) * box[2:] + box[:2]
            seen = np.where(rng.random(17) < 0.7, 2, 0) * (rng.random() > 0.1)
            flat = np.column_stack([uv * (seen > 0)[:, None], seen]).ravel()
            annotations.append(
                {"id": len(annotations) + 1, "image_id": picture, "category_id": 1, "bbox": box,
                 "area": 0.5 * box[2] * box[3],
                 "iscrowd": int(rng.random() < 0.1), "num_keypoints": int((seen > 0).sum()), "keypoints": flat.tolist()}
            )  # fmt: skip
            if rng.random() < 0.85:
                guess = uv + rng.normal(0, rng.choice([2, 8, 25]), uv.shape)
                results.append(result(picture, guess, rng.random()))
        for _ in range(rng.integers(0, 3)):
            results.append(result(picture, rng.uniform(0, 400, (17, 2)), rng.random()))
    return annotations, results


def result(picture: int, uv: np.ndarray, score: float) -> dict:
    keypoints = np.column_stack([uv, np.ones(17)]).ravel().tolist()
    return {"image_id": picture, "category_id": 1, "keypoints": keypoints, "score": float(score)}


def by_pycocotools(annotations: list[dict], results: list[dict], n_pictures: int) -> np.ndarray:
    """AP, AP50, AP75, AR, AR50 of people of all sizes."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {  # pyright: ignore[reportAttributeAccessIssue]
            "images": [{"id": n} for n in range(1, n_pictures + 1)],
            "categories": [{"id": 1, "name": "person", "keypoints": [""] * 17}],
            "annotations": annotations,
        }
        truth.createIndex()
        found = truth.loadRes(results)  # pyright: ignore[reportArgumentType]
        evaluation = COCOeval(truth, found, "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[[0, 1, 2, 5, 6]]


def by_us(annotations: list[dict], results: list[dict], n_pictures: int) -> list[float]:
    predicted, annotated = [], []
    for picture in range(1, n_pictures + 1):
        own = [a for a in annotations if a["image_id"] == picture]
        found = [r for r in results if r["image_id"] == picture]
        flat = torch.tensor([a["keypoints"] for a in own], dtype=torch.float64).reshape(-1, 17, 3)
        box = torch.tensor([a["bbox"] for a in own], dtype=torch.float64).reshape(-1, 4)
        annotated.append(
            Annotated(
                torch.where(flat[..., 2:] > 0, flat[..., :2], torch.nan),
                torch.tensor([a["area"] for a in own], dtype=torch.float64),
                torch.cat([box[:, :2], box[:, :2] + box[:, 2:]], 1),
                torch.tensor([bool(a["iscrowd"]) or a["num_keypoints"] == 0 for a in own], dtype=torch.bool),
                torch.tensor([bool(a["iscrowd"]) for a in own], dtype=torch.bool),
            )
        )
        guesses = torch.tensor([r["keypoints"] for r in found], dtype=torch.float64).reshape(-1, 17, 3)
        predicted.append(Predicted(guesses[..., :2], torch.tensor([r["score"] for r in found], dtype=torch.float64)))
    p = average_precision(predicted, annotated, SIGMAS)
    return [p.ap, p.ap50, p.ap75, p.recall, p.recall50]


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_pycocotools(seed):
    annotations, results = random_people(seed)
    assert by_us(annotations, results, 25) == pytest.approx(by_pycocotools(annotations, results, 25).tolist(), abs=1e-9)


def test_nobody_annotated_has_no_precision_and_nobody_found_none():
    assert np.isnan(by_us([], [], 2)).all()
    annotations, _ = random_people(1)
    assert by_us(annotations, [], 25) == [0.0] * 5
