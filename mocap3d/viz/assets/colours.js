// What colour a keypoint or limb has, as the page's own text for colours.
const RAMP = Array.from({ length: 33 }, (_, n) => between(DOUBT, n / 32));
const KEYPOINT_SIDES = S.keypoints.map((name) => (/^[LR][A-Z]/.test(name) ? (name[0] === "L" ? "left" : "right") : "middle"));

function between(colours, share) {
  const spot = Math.min(share, 0.9999) * (colours.length - 1), below = Math.floor(spot);
  const [from, to] = [colours[below], colours[below + 1]].map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
  return `#${from.map((c, i) => Math.round(c + (spot - below) * (to[i] - c)).toString(16).padStart(2, "0")).join("")}`;
}

function colourOf(kind, person, keypoint, side) {
  const at = person * nKeypoints + keypoint;
  if (kind === "person") return PEOPLE[person % PEOPLE.length];
  if (kind === "provenance") return isFilled[at] ? ORIGINS.filled : ORIGINS.measured;
  if (kind === "doubt" && !Number.isNaN(sigmaMm[at])) return RAMP[Math.round(32 * Math.min(1, sigmaMm[at] / DOUBT_MM))];
  return SIDES[side];
}
