// The 3D scene: who looks at what from where; a drawing of two kinds shows it. World: Z up, metres, as in every exported file.
const scene3d = (() => {
  const canvas = byId("canvas"), UP = new THREE.Vector3(0, 0, 1);
  const isPainted = paints(), drawing = isPainted ? paintedDrawing(canvas) : solidDrawing(canvas);
  const camera = new THREE.PerspectiveCamera(38, 1, 0.05, 200);
  camera.up.copy(UP);
  const controls = new THREE.OrbitControls(camera, canvas);
  controls.enableDamping = false;
  controls.maxPolarAngle = Math.PI * 0.52;
  let sharpness = 1; // share of the screen's pixels, each way
  let isDrawing = false; // the controls tell of a change while they are updated, too
  const options = { colour: "side", follow: -1, ellipsoids: false, cameras: true };
  const all = boundsOf();

  // Without a graphics card, WebGL is drawn by the processor, which takes it several times as long as painting.
  function paints() {
    if (/^\?(painted|webgl)$/.test(location.search)) return location.search === "?painted";
    const gl = document.createElement("canvas").getContext("webgl2"), info = gl && gl.getExtension("WEBGL_debug_renderer_info");
    const name = info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : "";
    gl?.getExtension("WEBGL_lose_context")?.loseContext();
    return !gl || /swiftshader|llvmpipe|software|basic render/i.test(name);
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
    drawing.move(options);
    follow();
    render();
  }

  function render() {
    isDrawing = true;
    controls.update();
    isDrawing = false;
    drawing.render(camera, controls.target);
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
    drawing.size(width, height, player.playing ? sharpness : 1);
    camera.aspect = width / Math.max(1, height);
    camera.updateProjectionMatrix();
    render();
  }

  // Fewer pixels while playing, where frames come late.
  function coarser() {
    if (sharpness <= 0.5) return;
    sharpness = Math.max(0.5, 0.75 * sharpness);
    resize();
  }

  function theme(isDark) {
    drawing.theme(isDark ? THEMES.dark : THEMES.light, floorReach(all));
    render();
  }

  function set(name, value) {
    options[name] = value;
    if (name === "follow") lastMiddle = null;
    draw();
  }

  controls.addEventListener("change", () => { if (!player.playing && !isDrawing) render(); });
  poseAt(0);
  drawing.move(options);
  theme(false);
  resize();
  frontal();
  addEventListener("resize", resize);
  const onScreen = (at) => {
    const p = new THREE.Vector3(...at).project(camera), box = canvas.getBoundingClientRect();
    return [box.left + ((p.x + 1) / 2) * box.width, box.top + ((1 - p.y) / 2) * box.height];
  };
  return { isPainted, draw, resize, coarser, set, options, frontal, everything, turnBy, theme, onScreen };
})();
