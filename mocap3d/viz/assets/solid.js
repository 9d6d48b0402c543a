// The scene by WebGL: lit bodies, each kind of them in one drawing.
function solidDrawing(canvas) {
  const renderer = new THREE.WebGLRenderer({ canvas, antialias: true });
  const scene = new THREE.Scene(), rig = new THREE.Group(), ground = new THREE.Group();
  const sun = new THREE.DirectionalLight(0xffffff, 1.7);
  scene.add(new THREE.HemisphereLight(0xffffff, 0x8d97a5, 2.1), sun, sun.target, rig, ground);
  const nLimbs = S.limbs.length, solid = new THREE.MeshLambertMaterial();
  const shade = new THREE.MeshBasicMaterial({ color: 0x000000, transparent: true, opacity: 0.2, depthFunc: THREE.LessDepth });
  const mist = new THREE.MeshLambertMaterial({ transparent: true, opacity: 0.32, depthWrite: false });
  const limbs = instanced(new THREE.CylinderGeometry(1, 1, 1, 12), solid, nPeople * nLimbs);
  const balls = instanced(new THREE.SphereGeometry(1, 16, 12), solid, rowSize);
  const heads = instanced(new THREE.SphereGeometry(1, 24, 18), solid, nPeople);
  const shadows = instanced(new THREE.CylinderGeometry(1, 1, 1, 4), shade, nPeople * nLimbs);
  const ellipsoids = instanced(new THREE.SphereGeometry(1, 18, 12), mist, rowSize);

  function instanced(geometry, material, n) {
    const mesh = new THREE.InstancedMesh(geometry, material, Math.max(1, n));
    mesh.frustumCulled = false;
    mesh.instanceMatrix.setUsage(THREE.DynamicDrawUsage);
    mesh.count = n;
    scene.add(mesh);
    return mesh;
  }

  function drawn({ points, colour, opacity }) {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.Float32BufferAttribute(points, 3));
    return new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ color: colour, transparent: true, opacity }));
  }

  function labelled({ name, centre: [x, y, z] }, look) {
    const board = document.createElement("canvas");
    board.width = 256; board.height = 64;
    writeName(board.getContext("2d"), name, 128, 32, 34, look);
    const texture = new THREE.CanvasTexture(board);
    texture.colorSpace = THREE.SRGBColorSpace;
    const sprite = new THREE.Sprite(new THREE.SpriteMaterial({ map: texture, depthTest: false, sizeAttenuation: false }));
    sprite.scale.set(0.12, 0.03, 1);
    sprite.position.set(x, y, z + 0.2);
    return sprite;
  }

  const ALONG = new THREE.Vector3(0, 1, 0), from = new THREE.Vector3(), to = new THREE.Vector3(), matrix = new THREE.Matrix4();
  const turn = new THREE.Quaternion(), size = new THREE.Vector3(), place = new THREE.Vector3();
  const HIDDEN = new THREE.Matrix4().makeScale(0, 0, 0), FLAT = new THREE.Matrix4().makeScale(1, 1, 0).setPosition(0, 0, FLOOR_M);
  const known = new Map();
  const shadeOf = (text) => known.get(text) ?? known.set(text, new THREE.Color(text)).get(text);

  function limb(person, number, kind) {
    const index = person * nLimbs + number, [a, b] = S.limbs[number];
    const i = 3 * (person * nKeypoints + a), j = 3 * (person * nKeypoints + b);
    if (Number.isNaN(pose[i]) || Number.isNaN(pose[j])) {
      limbs.setMatrixAt(index, HIDDEN);
      shadows.setMatrixAt(index, HIDDEN);
      return;
    }
    from.fromArray(pose, i); to.fromArray(pose, j);
    place.addVectors(from, to).multiplyScalar(0.5);
    to.sub(from);
    const length = to.length() || 1e-6, radius = S.limbRadius[number];
    turn.setFromUnitVectors(ALONG, to.divideScalar(length));
    matrix.compose(place, turn, size.set(radius, length, radius));
    limbs.setMatrixAt(index, matrix);
    shadows.setMatrixAt(index, matrix.premultiply(FLAT));
    limbs.setColorAt(index, shadeOf(colourOf(kind, person, b, S.limbSide[number])));
  }

  function keypoint(person, number, kind) {
    const index = person * nKeypoints + number, at = 3 * index, d = 6 * index, radius = S.keypointRadius[number];
    const isThere = !Number.isNaN(pose[at]), colour = shadeOf(colourOf(kind, person, number, KEYPOINT_SIDES[number]));
    balls.setMatrixAt(index, isThere ? matrix.makeScale(radius, radius, radius).setPosition(pose[at], pose[at + 1], pose[at + 2]) : HIDDEN);
    balls.setColorAt(index, colour);
    if (!ellipsoids.visible) return;
    const r = OF_95, L = doubt, isKnown = isThere && !Number.isNaN(L[d]);
    ellipsoids.setMatrixAt(index, isKnown ? matrix.set(r * L[d], 0, 0, pose[at], r * L[d + 1], r * L[d + 2], 0, pose[at + 1],
      r * L[d + 3], r * L[d + 4], r * L[d + 5], pose[at + 2], 0, 0, 0, 1) : HIDDEN);
    ellipsoids.setColorAt(index, colour);
  }

  const middle = [0, 0, 0];
  function head(person, kind) {
    const isThere = headOf(person, middle);
    heads.setMatrixAt(person, isThere ? matrix.makeScale(HEAD_M, HEAD_M, HEAD_M * 1.2).setPosition(place.fromArray(middle)) : HIDDEN);
    heads.setColorAt(person, shadeOf(colourOf(kind, person, S.skull?.[0] ?? 0, "middle")));
  }

  return {
    theme(look, half) {
      scene.background = new THREE.Color(look.stage);
      const plate = new THREE.Mesh(new THREE.PlaneGeometry(2 * half, 2 * half),
        new THREE.MeshBasicMaterial({ color: look.plate, side: THREE.DoubleSide }));
      plate.position.z = PLATE_M;
      ground.clear().add(plate, ...floorLines(half, look).map(drawn));
      rig.clear().add(drawn(cameraLines(look)), ...S.cameras.map((one) => labelled(one, look)));
    },
    size(width, height, sharpness) {
      renderer.setPixelRatio(sharpness * Math.min(devicePixelRatio, 2));
      renderer.setSize(width, height, false);
    },
    move(options) {
      ellipsoids.visible = options.ellipsoids;
      rig.visible = options.cameras;
      for (let person = 0; person < nPeople; person++) {
        for (let n = 0; n < nLimbs; n++) limb(person, n, options.colour);
        for (let n = 0; n < nKeypoints; n++) keypoint(person, n, options.colour);
        head(person, options.colour);
      }
      for (const mesh of [limbs, balls, heads, shadows, ellipsoids]) {
        mesh.instanceMatrix.needsUpdate = true;
        if (mesh.instanceColor) mesh.instanceColor.needsUpdate = true;
      }
    },
    render(camera, target) {
      sun.position.copy(camera.position).add(place.set(1.5, -1, 4));
      sun.target.position.copy(target);
      renderer.render(scene, camera);
    },
  };
}
