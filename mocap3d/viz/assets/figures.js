// Where everybody is at a (fractional) frame: positions interpolated between samples, doubt at the nearest one.
const pose = new Float32Array(3 * rowSize);
const doubt = new Float32Array(6 * rowSize);
const sigmaMm = new Float32Array(rowSize);
const isFilled = new Uint8Array(rowSize);

function poseAt(frame) {
  const place = Math.min(Math.max(frame / S.stride, 0), Math.max(0, nSamples - 1));
  const first = Math.floor(place), second = Math.min(first + 1, nSamples - 1), share = place - first;
  const a = first * rowSize * 3, b = second * rowSize * 3;
  for (let i = 0; i < 3 * rowSize; i++) {
    const here = positions[a + i], there = positions[b + i];
    pose[i] = share === 0 ? here : here + share * (there - here);
    if (Number.isNaN(pose[i])) pose[i] = share < 0.5 ? here : there;
  }
  const nearest = share < 0.5 ? first : second;
  for (let j = 0; j < rowSize; j++) isFilled[j] = filled[nearest * rowSize + j];
  const c = Math.min(Math.round(frame / S.doubtStride), nDoubts - 1) * rowSize * 6;
  for (let i = 0; i < 6 * rowSize; i++) doubt[i] = spread[c + i];
  for (let j = 0; j < rowSize; j++) {
    let variance = 0;
    for (let i = 0; i < 6; i++) variance += doubt[6 * j + i] ** 2;
    sigmaMm[j] = 1000 * Math.sqrt(variance / 3); // of the mean axis: the trace of L L' is the sum of squares
  }
}

function middleOf(person) {
  const middle = [0, 0, 0];
  let n = 0;
  for (let k = 0; k < nKeypoints; k++) {
    const at = 3 * (person * nKeypoints + k);
    if (Number.isNaN(pose[at])) continue;
    for (let i = 0; i < 3; i++) middle[i] += pose[at + i];
    n++;
  }
  return n ? middle.map((sum) => sum / n) : null;
}

function boundsOf() {
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  const step = Math.max(1, Math.floor(nSamples / 400));
  for (let s = 0; s < nSamples; s += step) {
    for (let j = 0; j < rowSize; j++) {
      const at = 3 * (s * rowSize + j);
      if (Number.isNaN(positions[at])) continue;
      for (let i = 0; i < 3; i++) {
        low[i] = Math.min(low[i], positions[at + i]);
        high[i] = Math.max(high[i], positions[at + i]);
      }
    }
  }
  return low[0] <= high[0] ? { low, high } : { low: [-1, -1, 0], high: [1, 1, 1.8] };
}
