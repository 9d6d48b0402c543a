// The scene by a painter, the far before the near: many times as fast as WebGL where no graphics card draws it.
function paintedDrawing(canvas) {
  const pen = canvas.getContext("2d", { alpha: false }), still = document.createElement("canvas"), ground = still.getContext("2d");
  const eye = new THREE.Matrix4(), stillEye = new THREE.Matrix4(), NEAR_M = 0.05;
  let look = null, half = 2, options = null, focal = 1, ratio = 1, isStill = false, hasCameras = true;
  const bodies = []; // a head is before what runs through it
  for (let person = 0; person < nPeople; person++) {
    S.limbs.forEach(([a, b], number) => bodies.push({ paint: limb, person, number, a, b, depth: 0 }));
    S.keypoints.forEach((_, number) => bodies.push({ paint: keypoint, person, number, a: number, b: number, depth: 0 }));
    if (S.skull) bodies.push({ paint: head, person, number: S.skull[0], a: S.skull[0], b: S.skull[1], nearer: 2 * HEAD_M, depth: 0 });
  }
  const shaded = new Map();
  const darker = (text) => shaded.get(text) ?? shaded.set(text, between([text, "#10151c"], 0.3)).get(text);

  // Into the camera: x right, y up, depth, in metres.
  const first = [0, 0, 0], second = [0, 0, 0];
  function turned(x, y, z, into) {
    const e = eye.elements;
    into[0] = e[0] * x + e[4] * y + e[8] * z + e[12];
    into[1] = e[1] * x + e[5] * y + e[9] * z + e[13];
    into[2] = -(e[2] * x + e[6] * y + e[10] * z + e[14]);
    return into;
  }
  const poseOf = (person, k, into) => turned(pose[3 * (person * nKeypoints + k)], pose[3 * (person * nKeypoints + k) + 1], pose[3 * (person * nKeypoints + k) + 2], into);
  const across = (p) => canvas.width / 2 + (focal * p[0]) / p[2];
  const down = (p) => canvas.height / 2 - (focal * p[1]) / p[2];
  const cut = (p, q) => p.map((c, i) => c + ((NEAR_M - p[2]) / (q[2] - p[2])) * (q[i] - c)); // where the way to q comes near

  // What of a closed way lies before the camera.
  function before(corners) {
    const kept = [];
    corners.forEach((p, i) => {
      const q = corners[(i + 1) % corners.length];
      if (p[2] >= NEAR_M) kept.push(p);
      if (p[2] >= NEAR_M !== q[2] >= NEAR_M) kept.push(cut(p, q));
    });
    return kept;
  }

  function strokeLines({ points, colour, opacity }) {
    ground.globalAlpha = opacity;
    ground.strokeStyle = colour;
    ground.lineWidth = ratio;
    ground.beginPath();
    for (let i = 0; i < points.length; i += 6) {
      const ends = [turned(...points.slice(i, i + 3), [0, 0, 0]), turned(...points.slice(i + 3, i + 6), [0, 0, 0])];
      before(ends).forEach((p, n) => (n ? ground.lineTo(across(p), down(p)) : ground.moveTo(across(p), down(p))));
    }
    ground.stroke();
    ground.globalAlpha = 1;
  }

  // Floor and cameras stay as they are until somebody turns the scene.
  function paintStill() {
    isStill = true;
    stillEye.copy(eye);
    ground.fillStyle = look.stage;
    ground.fillRect(0, 0, still.width, still.height);
    ground.fillStyle = look.plate;
    ground.beginPath();
    const corners = [[-half, -half], [half, -half], [half, half], [-half, half]];
    before(corners.map(([x, y]) => turned(x, y, PLATE_M, [0, 0, 0]))).forEach((p) => ground.lineTo(across(p), down(p)));
    ground.fill();
    floorLines(half, look).forEach(strokeLines);
    if (!options.cameras) return;
    strokeLines(cameraLines(look));
    for (const { name, centre: [x, y, z] } of S.cameras) {
      const p = turned(x, y, z + 0.2, first);
      if (p[2] > NEAR_M) writeName(ground, name, across(p), down(p), 12 * ratio, look);
    }
  }

  function paintShadows() {
    pen.strokeStyle = "#0003";
    pen.lineCap = "round";
    for (let person = 0; person < nPeople; person++) {
      let width = 0;
      pen.beginPath(); // one way for all limbs, so that crossings are no darker
      for (const [a, b] of S.limbs) {
        const i = 3 * (person * nKeypoints + a), j = 3 * (person * nKeypoints + b);
        const p = turned(pose[i], pose[i + 1], FLOOR_M, first), q = turned(pose[j], pose[j + 1], FLOOR_M, second);
        if (!(p[2] > NEAR_M && q[2] > NEAR_M)) continue;
        pen.moveTo(across(p), down(p));
        pen.lineTo(across(q), down(q));
        width = (focal * 0.035) / p[2];
      }
      pen.lineWidth = width || 1;
      pen.stroke();
    }
  }

  function limb({ person, number, a, b }) {
    const p = poseOf(person, a, first), q = poseOf(person, b, second);
    if (!(p[2] > NEAR_M && q[2] > NEAR_M)) return;
    const radius_px = (2 * focal * S.limbRadius[number]) / (p[2] + q[2]), colour = colourOf(options.colour, person, b, S.limbSide[number]);
    const x = across(p), y = down(p), dx = across(q) - x, dy = down(q) - y, shift = 0.3 * radius_px;
    stroke(x, y, dx, dy, 2 * radius_px, darker(colour));
    stroke(x - shift, y - shift, dx, dy, 1.15 * radius_px, colour); // lit from the upper left
  }

  function stroke(x, y, dx, dy, width, colour) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(x + dx, y + dy);
    pen.stroke();
  }

  function ball(p, radius_m, stretch, colour) {
    const r = (focal * radius_m) / p[2], x = across(p), y = down(p);
    disc(x, y, r, r * stretch, darker(colour));
    disc(x - 0.22 * r, y - 0.22 * r * stretch, 0.66 * r, 0.66 * r * stretch, colour);
  }

  function disc(x, y, rx, ry, colour) {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.ellipse(x, y, rx, ry, 0, 0, 2 * Math.PI);
    pen.fill();
  }

  function keypoint({ person, number }) {
    const p = poseOf(person, number, first);
    if (!(p[2] > NEAR_M)) return;
    const colour = colourOf(options.colour, person, number, KEYPOINT_SIDES[number]);
    ball(p, S.keypointRadius[number], 1, colour);
    if (options.ellipsoids) ellipse(p, 6 * (person * nKeypoints + number), colour);
  }

  const middle = [0, 0, 0];
  function head({ person, number }) {
    if (!headOf(person, middle)) return;
    const p = turned(...middle, first);
    if (p[2] > NEAR_M) ball(p, HEAD_M, 1.15, colourOf(options.colour, person, number, "middle"));
  }

  // The ellipsoid L u as the picture has it: J L, of which the two long axes are wanted.
  function ellipse(p, d, colour) {
    if (Number.isNaN(doubt[d])) return;
    const e = eye.elements, [xx, yx, yy, zx, zy, zz] = doubt.subarray(d, d + 6), x = p[0] / p[2], y = p[1] / p[2];
    let uu = 0, uv = 0, vv = 0;
    for (const [cx, cy, cz] of [[xx, yx, zx], [0, yy, zy], [0, 0, zz]]) {
      const depth = -(e[2] * cx + e[6] * cy + e[10] * cz);
      const u = e[0] * cx + e[4] * cy + e[8] * cz - x * depth, v = -(e[1] * cx + e[5] * cy + e[9] * cz - y * depth);
      uu += u * u; uv += u * v; vv += v * v;
    }
    const mean = (uu + vv) / 2, apart = Math.hypot((uu - vv) / 2, uv), px = (OF_95 * focal) / p[2];
    pen.fillStyle = colour;
    pen.globalAlpha = 0.32;
    pen.beginPath();
    pen.ellipse(across(p), down(p), px * Math.sqrt(mean + apart), px * Math.sqrt(Math.max(0, mean - apart)), 0.5 * Math.atan2(2 * uv, uu - vv), 0, 2 * Math.PI);
    pen.fill();
    pen.globalAlpha = 1;
  }

  // Twice the depth; what is unknown comes first, and is not painted.
  function depthOf({ person, a, b, nearer }) {
    return poseOf(person, a, first)[2] + poseOf(person, b, second)[2] - nearer || Infinity;
  }

  return {
    theme(newLook, reach) {
      look = newLook;
      half = reach;
      isStill = false;
    },
    size(width, height, sharpness) {
      ratio = sharpness * Math.min(devicePixelRatio, 2);
      canvas.width = still.width = Math.max(1, Math.round(width * ratio));
      canvas.height = still.height = Math.max(1, Math.round(height * ratio));
      isStill = false;
    },
    move(newOptions) {
      options = newOptions;
      if (options.cameras !== hasCameras) isStill = false;
      hasCameras = options.cameras;
    },
    render(camera) {
      camera.updateMatrixWorld();
      eye.copy(camera.matrixWorldInverse);
      focal = (camera.projectionMatrix.elements[5] * canvas.height) / 2;
      if (!isStill || !eye.equals(stillEye)) paintStill();
      pen.drawImage(still, 0, 0);
      paintShadows();
      for (const body of bodies) body.depth = depthOf(body);
      bodies.sort((one, other) => other.depth - one.depth);
      for (const body of bodies) body.paint(body);
    },
  };
}
