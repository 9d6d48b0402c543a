// The 3D scene. World: Z up, metres, as in every exported file.
const scene3d = (() => {
  const canvas = document.getElementById("canvas");
  let renderer;
  const isSoftware = drawsInSoftware();
  try {
    renderer = new THREE.WebGLRenderer({ canvas, antialias: !isSoftware });
  } catch (error) {
    document.getElementById("nogl").hidden = false;
    return null;
  }
  const UP = new THREE.Vector3(0, 0, 1), ALONG = new THREE.Vector3(0, 1, 0), FLOOR_M = 0.004;
  const scene = new THREE.Scene();
  const camera = new THREE.PerspectiveCamera(38, 1, 0.05, 200);
  camera.up.copy(UP);
  const controls = new THREE.OrbitControls(camera, canvas);
  controls.enableDamping = false;
  controls.maxPolarAngle = Math.PI * 0.52;
  scene.add(new THREE.HemisphereLight(0xffffff, 0x8d97a5, 2.1));
  const sun = new THREE.DirectionalLight(0xffffff, 1.7);
  scene.add(sun, sun.target);

  let isDrawing = false; // the controls tell of a change while they are updated, too
  const options = { colour: "side", follow: -1, ellipsoids: false, cameras: true };
  const nLimbs = S.limbs.length;
  const limbs = instanced(new THREE.CylinderGeometry(1, 1, 1, 12, 1, false), new THREE.MeshLambertMaterial(), nPeople * nLimbs);
  const balls = instanced(new THREE.SphereGeometry(1, 16, 12), new THREE.MeshLambertMaterial(), rowSize);
  const heads = instanced(new THREE.SphereGeometry(1, 24, 18), new THREE.MeshLambertMaterial(), nPeople);
  const shade = () => new THREE.MeshBasicMaterial({ color: 0x000000, transparent: true, opacity: 0.2, depthFunc: THREE.LessDepth });
  const limbShadows = instanced(limbs.geometry, shade(), nPeople * nLimbs);
  const ellipsoids = instanced(
    new THREE.SphereGeometry(1, 18, 12),
    new THREE.MeshLambertMaterial({ transparent: true, opacity: 0.32, depthWrite: false }), rowSize);
  ellipsoids.visible = false;
  const rig = new THREE.Group(), ground = new THREE.Group();
  scene.add(rig, ground);
  const sides = S.limbSide.map((side) => new THREE.Color(SIDES[side]));
  const keypointSides = S.keypoints.map((name) => new THREE.Color(SIDES[/^[LR][A-Z]/.test(name) ? (name[0] === "L" ? "left" : "right") : "middle"]));
  const middleShade = new THREE.Color(SIDES.middle);
  const people = PEOPLE.map((colour) => new THREE.Color(colour));
  const origins = [new THREE.Color(ORIGINS.measured), new THREE.Color(ORIGINS.filled)];
  const ramp = DOUBT.map((colour) => new THREE.Color(colour));
  const all = boundsOf(false);

  // Without a graphics card smooth edges cost more than everything else.
  function drawsInSoftware() {
    const gl = document.createElement("canvas").getContext("webgl2");
    const info = gl && gl.getExtension("WEBGL_debug_renderer_info");
    const name = info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : "";
    if (gl && gl.getExtension("WEBGL_lose_context")) gl.getExtension("WEBGL_lose_context").loseContext();
    return /swiftshader|llvmpipe|software|basic render/i.test(name);
  }

  function instanced(geometry, material, n) {
    const mesh = new THREE.InstancedMesh(geometry, material, Math.max(1, n));
    mesh.frustumCulled = false;
    mesh.instanceMatrix.setUsage(THREE.DynamicDrawUsage);
    mesh.count = n;
    scene.add(mesh);
    return mesh;
  }

  // Floor and cameras, drawn anew with the theme.
  function lines(points, colour, opacity) {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.Float32BufferAttribute(points, 3));
    return new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ color: colour, transparent: true, opacity }));
  }

  function drawGround(isDark) {
    ground.clear();
    const reach = [...all.low, ...all.high, ...S.cameras.flatMap((c) => c.centre)].filter((_, i) => i % 3 < 2).map(Math.abs);
    const half = Math.min(15, Math.max(2, Math.ceil(Math.max(...reach) + 0.5)));
    const fine = [], coarse = [];
    for (let i = -half * 2; i <= half * 2; i++) {
      const at = i / 2, into = i % 2 ? fine : coarse;
      into.push(at, -half, 0, at, half, 0, -half, at, 0, half, at, 0);
    }
    const colour = isDark ? 0x6b7a8c : 0x8391a1;
    ground.add(lines(fine, colour, isDark ? 0.22 : 0.28), lines(coarse, colour, isDark ? 0.5 : 0.62));
    const plate = new THREE.Mesh(new THREE.PlaneGeometry(2 * half, 2 * half),
      new THREE.MeshBasicMaterial({ color: isDark ? 0x1a2430 : 0xf8fafc, side: THREE.DoubleSide }));
    plate.position.z = -0.006;
    ground.add(plate);
    [[1, 0, 0, 0xd55e00], [0, 1, 0, 0x009e73], [0, 0, 1, 0x0072b2]].forEach(([x, y, z, c]) =>
      ground.add(lines([0, 0, 0.005, 0.5 * x, 0.5 * y, 0.5 * z + 0.005], c, 1)));
  }

  function label(text, isDark) {
    const board = document.createElement("canvas"), pen = board.getContext("2d");
    board.width = 256; board.height = 64;
    pen.font = "600 34px system-ui, sans-serif";
    pen.textAlign = "center"; pen.textBaseline = "middle";
    pen.lineWidth = 8; pen.strokeStyle = isDark ? "#121921" : "#f4f6f9"; pen.strokeText(text, 128, 32, 250);
    pen.fillStyle = isDark ? "#c9d4e0" : "#3c4856"; pen.fillText(text, 128, 32, 250);
    const texture = new THREE.CanvasTexture(board);
    texture.colorSpace = THREE.SRGBColorSpace;
    const sprite = new THREE.Sprite(new THREE.SpriteMaterial({ map: texture, depthTest: false, sizeAttenuation: false }));
    sprite.scale.set(0.12, 0.03, 1);
    return sprite;
  }

  function drawCameras(isDark) {
    rig.clear();
    const colour = isDark ? 0x9fb2c6 : 0x4b5b6c, depth = 0.32;
    for (const one of S.cameras) {
      const [x, y, z] = one.centre, tips = one.corners.map((ray) => ray.map((d, i) => one.centre[i] + depth * d));
      const points = [];
      tips.forEach((tip, i) => points.push(x, y, z, ...tip, ...tip, ...tips[(i + 1) % 4]));
      rig.add(lines(points, colour, 0.95));
      const name = label(one.name, isDark);
      name.position.set(x, y, z + 0.2);
      rig.add(name);
    }
  }

  // Bodies.
  const from = new THREE.Vector3(), to = new THREE.Vector3(), matrix = new THREE.Matrix4();
  const turn = new THREE.Quaternion(), size = new THREE.Vector3(), place = new THREE.Vector3(), mixed = new THREE.Color();
  const HIDDEN = new THREE.Matrix4().makeScale(0, 0, 0), FLAT = new THREE.Matrix4().makeScale(1, 1, 0);
  FLAT.setPosition(0, 0, FLOOR_M);

  function colourOf(person, keypoint, side) {
    const at = person * nKeypoints + keypoint;
    if (options.colour === "person") return people[person % people.length];
    if (options.colour === "provenance") return origins[isFilled[at]];
    if (options.colour === "doubt") return rampAt(sigmaMm[at] / DOUBT_MM);
    return side;
  }

  function rampAt(share) {
    if (Number.isNaN(share)) return keypointSides[0];
    const spot = Math.min(Math.max(share, 0), 0.9999) * (ramp.length - 1), below = Math.floor(spot);
    return mixed.copy(ramp[below]).lerp(ramp[below + 1], spot - below);
  }

  function drawLimb(person, limb) {
    const index = person * nLimbs + limb, [a, b] = S.limbs[limb];
    const i = 3 * (person * nKeypoints + a), j = 3 * (person * nKeypoints + b);
    if (Number.isNaN(pose[i]) || Number.isNaN(pose[j])) {
      limbs.setMatrixAt(index, HIDDEN);
      limbShadows.setMatrixAt(index, HIDDEN);
      return;
    }
    from.fromArray(pose, i); to.fromArray(pose, j);
    place.addVectors(from, to).multiplyScalar(0.5);
    to.sub(from);
    const length = to.length() || 1e-6, radius = S.limbRadius[limb];
    turn.setFromUnitVectors(ALONG, to.divideScalar(length));
    matrix.compose(place, turn, size.set(radius, length, radius));
    limbs.setMatrixAt(index, matrix);
    limbShadows.setMatrixAt(index, matrix.premultiply(FLAT));
    limbs.setColorAt(index, colourOf(person, b, sides[limb]));
  }

  function drawKeypoint(person, keypoint) {
    const index = person * nKeypoints + keypoint, at = 3 * index, radius = S.keypointRadius[keypoint];
    if (Number.isNaN(pose[at])) {
      balls.setMatrixAt(index, HIDDEN);
      ellipsoids.setMatrixAt(index, HIDDEN);
      return;
    }
    matrix.makeScale(radius, radius, radius).setPosition(pose[at], pose[at + 1], pose[at + 2]);
    balls.setMatrixAt(index, matrix);
    const colour = colourOf(person, keypoint, keypointSides[keypoint]);
    balls.setColorAt(index, colour);
    if (!options.ellipsoids) return;
    const r = Math.sqrt(7.8147), d = 6 * index, [xx, yx, yy, zx, zy, zz] = doubt.subarray(d, d + 6);
    if (Number.isNaN(xx)) ellipsoids.setMatrixAt(index, HIDDEN);
    else ellipsoids.setMatrixAt(index, matrix.set(r * xx, 0, 0, pose[at], r * yx, r * yy, 0, pose[at + 1], r * zx, r * zy, r * zz, pose[at + 2], 0, 0, 0, 1));
    ellipsoids.setColorAt(index, colour);
  }

  const HEAD_M = 0.085;
  function drawHead(person) {
    const [a, b] = (S.skull ?? [0, 0]).map((keypoint) => 3 * (person * nKeypoints + keypoint));
    if (!S.skull || Number.isNaN(pose[a]) || Number.isNaN(pose[b])) return heads.setMatrixAt(person, HIDDEN);
    place.fromArray(pose, a).add(to.fromArray(pose, b)).multiplyScalar(0.5);
    heads.setMatrixAt(person, matrix.makeScale(HEAD_M, HEAD_M, HEAD_M * 1.2).setPosition(place));
    heads.setColorAt(person, colourOf(person, S.skull[0], middleShade));
  }

  const followed = new THREE.Vector3();
  let lastMiddle = null;
  function follow() {
    const middle = options.follow < 0 ? null : middleOf(options.follow);
    if (middle && lastMiddle) {
      followed.set(middle[0] - lastMiddle[0], middle[1] - lastMiddle[1], 0);
      controls.target.add(followed);
      camera.position.add(followed);
    } else if (middle) lookAt(middle[0], middle[1]);
    lastMiddle = middle;
  }

  function lookAt(x, y) {
    followed.set(x - controls.target.x, y - controls.target.y, 0);
    controls.target.add(followed);
    camera.position.add(followed);
  }

  function draw() {
    for (let person = 0; person < nPeople; person++) {
      for (let limb = 0; limb < nLimbs; limb++) drawLimb(person, limb);
      for (let keypoint = 0; keypoint < nKeypoints; keypoint++) drawKeypoint(person, keypoint);
      drawHead(person);
    }
    for (const mesh of [limbs, balls, heads, limbShadows, ellipsoids]) {
      mesh.instanceMatrix.needsUpdate = true;
      if (mesh.instanceColor) mesh.instanceColor.needsUpdate = true;
    }
    follow();
    render();
  }

  function render() {
    isDrawing = true;
    controls.update();
    isDrawing = false;
    sun.position.copy(camera.position).add(followed.set(1.5, -1, 4));
    sun.target.position.copy(controls.target);
    renderer.render(scene, camera);
  }

  // Where to look from.
  function frontal() {
    const x = (all.low[0] + all.high[0]) / 2, y = (all.low[1] + all.high[1]) / 2;
    const reach = Math.max(all.high[2] - all.low[2], 0.9 * Math.hypot(all.high[0] - all.low[0], all.high[1] - all.low[1]), 1.2);
    const away = Math.min(14, 1.12 * reach / Math.tan((camera.fov * Math.PI) / 360)) * Math.max(0.75, 1 / Math.max(camera.aspect, 0.6)) * 0.8;
    const turned = 0.5, [fx, fy] = S.front; // from half a radian beside the front
    const dx = fx * Math.cos(turned) - fy * Math.sin(turned), dy = fx * Math.sin(turned) + fy * Math.cos(turned);
    const z = Math.max(0.5, (all.high[2] + Math.min(all.low[2], 0)) / 2 - 0.04);
    controls.target.set(x, y, z);
    camera.position.set(x + away * dx, y + away * dy, z + 0.3 * away);
    render();
  }

  function everything() {
    const points = [all.low, all.high, ...S.cameras.map((c) => c.centre)];
    const low = [0, 1, 2].map((i) => Math.min(...points.map((p) => p[i]))), high = [0, 1, 2].map((i) => Math.max(...points.map((p) => p[i])));
    const size3 = Math.hypot(...high.map((h, i) => h - low[i]));
    const away = (0.62 * size3) / Math.tan((camera.fov * Math.PI) / 360);
    controls.target.set((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, (low[2] + high[2]) / 2 - 0.3);
    const [fx, fy] = S.front;
    camera.position.set(controls.target.x + away * 0.8 * fx, controls.target.y + away * 0.8 * fy, controls.target.z + 0.5 * away);
    render();
  }

  function turnBy(sideways, upwards, nearer) {
    const offset = camera.position.clone().sub(controls.target);
    offset.applyAxisAngle(UP, sideways);
    const tilt = Math.asin(offset.z / offset.length()) + upwards, level = Math.hypot(offset.x, offset.y);
    const length = offset.length() * nearer, bounded = Math.min(1.5, Math.max(-0.05, tilt));
    camera.position.set(offset.x / level, offset.y / level, 0).multiplyScalar(length * Math.cos(bounded));
    camera.position.z = length * Math.sin(bounded);
    camera.position.add(controls.target);
    render();
  }

  function resize() {
    const { width, height } = canvas.parentElement.getBoundingClientRect();
    renderer.setPixelRatio(isSoftware ? 1 : Math.min(devicePixelRatio, 2));
    renderer.setSize(width, height, false);
    camera.aspect = width / Math.max(1, height);
    camera.updateProjectionMatrix();
    render();
  }

  function theme(isDark) {
    scene.background = new THREE.Color(isDark ? 0x121921 : 0xe9edf2);
    drawGround(isDark);
    drawCameras(isDark);
    render();
  }

  function set(name, value) {
    options[name] = value;
    if (name === "follow") lastMiddle = null;
    ellipsoids.visible = options.ellipsoids;
    rig.visible = options.cameras;
    draw();
  }

  controls.addEventListener("change", () => { if (!player.playing && !isDrawing) render(); });
  resize();
  frontal();
  addEventListener("resize", resize);
  const onScreen = (at) => {
    const p = new THREE.Vector3(...at).project(camera), box = canvas.getBoundingClientRect();
    return [box.left + ((p.x + 1) / 2) * box.width, box.top + ((1 - p.y) / 2) * box.height];
  };
  return { draw, render, set, options, frontal, everything, turnBy, theme, onScreen };
})();
