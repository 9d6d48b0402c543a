// Time: which (fractional) frame is shown, and everything that follows it.
const scrub = byId("scrub"), clock = byId("clock"), playButton = byId("play");
const charts = [...document.querySelectorAll("svg[data-t]")].map((svg) => ({
  svg, cursor: svg.querySelector(".cursor"),
  t: svg.dataset.t.split(" ").map(Number), x: svg.dataset.x.split(" ").map(Number),
}));

// Text laid out and charts painted anew cost more than the scene, and nobody reads faster than this.
const READING_MS = 100;
// So many frames whose median interval is longer: the scene is too fine for this machine.
const LATE_MS = 21, JUDGED = 30;

function show(frame) {
  const start = performance.now();
  player.frame = Math.min(Math.max(frame, 0), lastFrame);
  poseAt(player.frame);
  scene3d.draw();
  showViews();
  if (!player.playing || start - player.told > READING_MS) tell(start);
  player.drawn++;
  player.draw_ms += performance.now() - start;
}

// While playing, one view after the other: all at once they would hold up a frame.
function showViews() {
  const n = player.playing ? Math.min(2, views.length) : views.length;
  for (let i = 0; i < n; i++) views[(player.nextView + i) % views.length].draw(player.frame);
  player.nextView += n;
}

function tell(now) {
  const t_s = S.start_s + player.frame / S.rate;
  player.told = now;
  scrub.value = Math.round(player.frame);
  scrub.setAttribute("aria-valuetext", `${t_s.toFixed(2)} seconds`);
  clock.textContent = `${t_s.toFixed(2)} s · frame ${Math.round(player.frame) + 1} / ${S.frames}`;
  for (const chart of charts) if (chart.isSeen) mark(chart);
}

function mark({ cursor, t, x }) {
  const share = (S.start_s + player.frame / S.rate - t[0]) / (t[1] - t[0] || 1);
  const at = x[0] + Math.min(Math.max(share, 0), 1) * (x[1] - x[0]);
  cursor.setAttribute("x1", at);
  cursor.setAttribute("x2", at);
}

const watch = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const chart = charts.find(({ svg }) => svg === target);
    chart.isSeen = isIntersecting;
    if (isIntersecting) mark(chart);
  }
});
charts.forEach(({ svg }) => watch.observe(svg));

function advance(now) {
  if (!player.playing) return;
  const passed_ms = now - player.last, next = player.frame + (passed_ms / 1000) * S.rate * player.speed;
  player.last = now;
  show(next > lastFrame ? 0 : next);
  judgePace(passed_ms);
  requestAnimationFrame(advance);
}

function judgePace(passed_ms) {
  player.paces.push(passed_ms);
  if (player.paces.length < JUDGED) return;
  if (median(player.paces) > LATE_MS) scene3d.coarser();
  player.paces.length = 0;
}

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

function play(isWanted) {
  player.playing = isWanted && lastFrame > 0;
  playButton.textContent = player.playing ? "❚❚" : "▶";
  playButton.setAttribute("aria-label", player.playing ? "Stop" : "Play");
  player.last = performance.now();
  player.paces.length = 0;
  scene3d.resize();
  if (player.playing) requestAnimationFrame(advance);
  else show(player.frame);
}

function seek(frame) {
  if (player.playing) play(false);
  show(frame);
}

// How much is known over time, under the slider: measured, filled, missing.
function drawStrip() {
  const strip = byId("strip"), width = Math.max(1, strip.clientWidth), pen = strip.getContext("2d");
  strip.width = width;
  strip.height = 8;
  const colours = getComputedStyle(document.documentElement);
  for (let x = 0; x < width && nSamples; x++) {
    const first = Math.floor((x / width) * nSamples), end = Math.max(first + 1, Math.floor(((x + 1) / width) * nSamples));
    let measured = 0, bridged = 0;
    const n = (end - first) * rowSize;
    for (let j = first * rowSize; j < end * rowSize; j++) {
      if (filled[j]) bridged++;
      else if (!Number.isNaN(positions[3 * j])) measured++;
    }
    let y = 8;
    for (const [share, name] of [[measured / n, "measured"], [bridged / n, "filled"], [1, "missing"]]) {
      pen.fillStyle = colours.getPropertyValue(`--${name}`);
      pen.fillRect(x, y - 8 * share, 1, 8 * share);
      y = Math.max(0, y - 8 * share);
      if (y <= 0) break;
    }
  }
}
