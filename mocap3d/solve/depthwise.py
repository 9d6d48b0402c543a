"""The two sums that the gradients of a depthwise convolution are, over maps whose channels lie side by side.

Maps are (b, h, w, c) float32, taps (k, k, c); channels ``first`` to ``last`` are done, on one thread.
"""

import numpy as np

from mocap3d.solve.jit import kernel


@kernel
def correlate(gradient, image, found, stride, padding, first, last):
    """found[tap, c] = sum over b, y, x of gradient[b, y, x, c] image[b, stride y + tap_y - padding, ..., c].

    The last row: the sum of the gradient alone.
    """
    (n, height, width, _), (_, rows, columns, _) = image.shape, gradient.shape
    side = int(np.sqrt(len(found) - 1))
    sums = np.zeros((side * side + 1, last - first), np.float32)
    for item in range(n):
        for row in range(rows):
            for column in range(columns):
                here, to = gradient[item, row, column, first:last], sums[-1]
                for channel in range(last - first):
                    to[channel] += here[channel]
            for tap_y in range(side):
                y = row * stride + tap_y - padding
                if y < 0 or y >= height:
                    continue
                for column in range(columns):
                    here = gradient[item, row, column, first:last]
                    for tap_x in range(side):
                        x = column * stride + tap_x - padding
                        if x < 0 or x >= width:
                            continue
                        there, to = image[item, y, x, first:last], sums[tap_y * side + tap_x]
                        for channel in range(last - first):
                            to[channel] += here[channel] * there[channel]
    found[:, first:last] = sums


@kernel
def spread(gradient, taps, found, stride, padding, first, last):
    """found[b, stride y + tap_y - padding, ..., c] += gradient[b, y, x, c] taps[tap_y, tap_x, c]."""
    (n, height, width, _), (_, rows, columns, _) = found.shape, gradient.shape
    side = len(taps)
    for item in range(n):
        for row in range(rows):
            for tap_y in range(side):
                y = row * stride + tap_y - padding
                if y < 0 or y >= height:
                    continue
                for column in range(columns):
                    here = gradient[item, row, column, first:last]
                    for tap_x in range(side):
                        x = column * stride + tap_x - padding
                        if x < 0 or x >= width:
                            continue
                        by, to = taps[tap_y, tap_x, first:last], found[item, y, x, first:last]
                        for channel in range(last - first):
                            to[channel] += here[channel] * by[channel]
