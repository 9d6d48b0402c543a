"""The highest local maxima of many maps at once, and what lies around them."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

WINDOW_CELLS = 7
_REACH = WINDOW_CELLS // 2
_TINY = 1e-30
_ROUNDS = 3
"""Times that a window is moved to its own centroid; each leaves about an eighth of the way."""


def highest_peaks(log_p: Float[Tensor, "n h w"], m: int) -> Int[Tensor, "n m"]:
    """Index of the m highest local maxima of each map, -1 where there are fewer."""
    height, width = log_p.shape[1:]
    # A slope far too faint to matter decides between equal neighbours, which half precision makes often.
    slope = torch.arange(height * width, device=log_p.device, dtype=log_p.dtype).view(height, width)
    steep = torch.sub(log_p, slope, alpha=1e-5)
    around = _running_max(_running_max(steep, 2), 1)
    # Local maxima are more than 3 cells apart: at most one in each block of 4 x 4, and the highest there.
    value, index = (x.flatten(1) for x in F.max_pool2d(steep, 4, ceil_mode=True, return_indices=True))
    value = torch.where(value < around.flatten(1).gather(1, index), -torch.inf, value)
    best = value.topk(min(m, value.shape[1]), -1)
    found = torch.where(best.values.isfinite(), index.gather(1, best.indices), -1)
    return F.pad(found, (0, m - found.shape[1]), value=-1)


def _running_max(x: Float[Tensor, "n h w"], dim: int) -> Float[Tensor, "n h w"]:
    """The highest of the 7 cells around each, along one axis: windows of 2, 4 and 7 by doubling."""
    length = x.shape[dim]
    padded = F.pad(x, (_REACH, _REACH) if dim == 2 else (0, 0, _REACH, _REACH), value=-torch.inf)
    two = torch.maximum(padded.narrow(dim, 0, length + 5), padded.narrow(dim, 1, length + 5))
    four = torch.maximum(two.narrow(dim, 0, length + 3), two.narrow(dim, 2, length + 3))
    return torch.maximum(four.narrow(dim, 0, length), four.narrow(dim, 3, length))


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """The probability in 9 x 9 cells around each peak: room for a window of 7 that moves by up to one cell."""

    p: Float[Tensor, "b k m y x"]
    peak_xy: Float[Tensor, "b k m 2"]

    @staticmethod
    def around(
        log_p: Float[Tensor, "b k h w"], peak: Int[Tensor, "b k m"], peak_xy: Int[Tensor, "b k m 2"]
    ) -> "Windows":
        height, width = log_p.shape[2:]
        step = torch.arange(-_REACH - 1, _REACH + 2, device=log_p.device)
        x, y = peak_xy[..., :1] + step, peak_xy[..., 1:] + step
        inside = ((y >= 0) & (y < height))[..., :, None] & ((x >= 0) & (x < width))[..., None, :]
        inside = inside & (peak >= 0)[..., None, None]
        index = torch.where(inside, y[..., :, None] * width + x[..., None, :], 0)
        p = log_p.flatten(2).gather(-1, index.flatten(2)).view(index.shape).exp()
        return Windows(torch.where(inside & _nearest(peak, peak_xy, step), p, 0.0), peak_xy.to(log_p.dtype))

    def moments(self) -> tuple[Float[Tensor, "b k m"], Float[Tensor, "b k m 2"], Float[Tensor, "b k m 2 2"]]:
        """Log of the weight, centroid in cells and covariance in cells^2 within a window centred on its centroid.

        A window on the peak's cell would cut off more of one side, and pull the centroid by up to 0.07 cells.
        """
        step = torch.arange(-_REACH - 1, _REACH + 2, device=self.p.device, dtype=self.p.dtype)
        # Sums of products throughout: matrix products would be rounded to bfloat16 under autocast.
        offset = torch.zeros_like(self.peak_xy)
        share = self._share(offset, step)
        for _ in range(_ROUNDS):
            sums = torch.stack([share.sum(-2), share.sum(-1)], -2)
            offset = ((sums * step).sum(-1) / sums.sum(-1).clamp(min=_TINY)).clamp(-1, 1)
            share = self._share(offset, step)
        weight = share.sum((-1, -2)).clamp(min=_TINY)
        apart = step - offset[..., None]
        xx = (share.sum(-2) * apart[..., 0, :].square()).sum(-1)
        yy = (share.sum(-1) * apart[..., 1, :].square()).sum(-1)
        xy = ((share * apart[..., 0, None, :]).sum(-1) * apart[..., 1, :]).sum(-1)
        cov = torch.stack([xx, xy, xy, yy], -1).unflatten(-1, (2, 2)) / weight[..., None, None]
        return weight.log(), self.peak_xy + offset, cov

    def _share(self, offset: Float[Tensor, "b k m 2"], step: Float[Tensor, " x"]) -> Float[Tensor, "b k m y x"]:
        """What lies in a window of 7 cells about ``offset``; its edges cut through cells."""
        inside = (WINDOW_CELLS / 2 + 0.5 - (step - offset[..., None]).abs()).clamp(0, 1)
        return self.p * inside[..., 1, :, None] * inside[..., 0, None, :]


def _nearest(peak: Int[Tensor, "b k m"], peak_xy: Int[Tensor, "b k m 2"], step: Int[Tensor, " x"]) -> Tensor:
    """Whether a cell around a peak (b k m y x) is nearer to it than to the keypoint's other peaks."""
    apart = peak_xy[..., None, :, :] - peak_xy[..., :, None, :]  # b k mine other 2
    d2 = apart.square().sum(-1)
    # |c - other|^2 >= |c - mine|^2, with c = mine + step
    along = apart[..., None, 1:] * step[:, None] + apart[..., None, :1] * step
    # An edge that is as near to both is the first one's.
    m = peak.shape[-1]
    first = torch.ones(m, m, dtype=torch.long, device=peak.device).triu()
    mine = 2 * along < (d2 + first)[..., None, None]
    return (mine | (peak < 0)[..., None, :, None, None]).all(3)
