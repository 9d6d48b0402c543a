// What stands still in the scene, as lines (x y z, twice each): the floor, the axes, the cameras.
const FLOOR_M = 0.004, PLATE_M = -0.006, CAMERA_M = 0.32, HEAD_M = 0.085;
const OF_95 = Math.sqrt(7.8147); // 95 % of a normal distribution in three dimensions lie within so many sigmas
const THEMES = {
  light: { stage: "#e9edf2", plate: "#f8fafc", line: "#8391a1", fine: 0.28, coarse: 0.62, camera: "#4b5b6c", ink: "#3c4856", halo: "#f4f6f9" },
  dark: { stage: "#121921", plate: "#1a2430", line: "#6b7a8c", fine: 0.22, coarse: 0.5, camera: "#9fb2c6", ink: "#c9d4e0", halo: "#121921" },
};

// How far the floor reaches from the origin: past everybody and all cameras.
function floorReach(bounds) {
  const level = [...bounds.low, ...bounds.high, ...S.cameras.flatMap((c) => c.centre)].filter((_, i) => i % 3 < 2).map(Math.abs);
  return Math.min(15, Math.max(2, Math.ceil(Math.max(...level) + 0.5)));
}

function floorLines(half, look) {
  const fine = [], coarse = [];
  for (let i = -half * 2; i <= half * 2; i++) {
    const at = i / 2, into = i % 2 ? fine : coarse;
    into.push(at, -half, 0, at, half, 0, -half, at, 0, half, at, 0);
  }
  const axes = [[0.5, 0, 0, "#d55e00"], [0, 0.5, 0, "#009e73"], [0, 0, 0.5, "#0072b2"]];
  return [
    { points: fine, colour: look.line, opacity: look.fine }, { points: coarse, colour: look.line, opacity: look.coarse },
    ...axes.map(([x, y, z, colour]) => ({ points: [0, 0, 0.005, x, y, z + 0.005], colour, opacity: 1 })),
  ];
}

// Every camera as the pyramid that it sees.
function cameraLines(look) {
  const points = [];
  for (const { centre, corners } of S.cameras) {
    const tips = corners.map((ray) => ray.map((d, i) => centre[i] + CAMERA_M * d));
    tips.forEach((tip, i) => points.push(...centre, ...tip, ...tip, ...tips[(i + 1) % 4]));
  }
  return { points, colour: look.camera, opacity: 0.95 };
}

function writeName(pen, name, x, y, px, look) {
  pen.font = `600 ${px}px system-ui, sans-serif`;
  pen.textAlign = "center"; pen.textBaseline = "middle"; pen.lineJoin = "round";
  pen.lineWidth = px / 4; pen.strokeStyle = look.halo; pen.strokeText(name, x, y);
  pen.fillStyle = look.ink; pen.fillText(name, x, y);
}

// The middle between somebody's ears, or what else the head is told by, into ``into``; whether it is known.
function headOf(person, into) {
  if (!S.skull) return false;
  const [a, b] = S.skull;
  for (let i = 0; i < 3; i++) into[i] = (pose[3 * (person * nKeypoints + a) + i] + pose[3 * (person * nKeypoints + b) + i]) / 2;
  return !Number.isNaN(into[0]);
}
