// Time: which (fractional) frame is shown, and everything that follows it.
const byId = (name) => document.getElementById(name);
const scrub = byId("scrub"), clock = byId("clock"), playButton = byId("play");
const charts = [...document.querySelectorAll("svg[data-t]")].map((svg) => ({
  svg, cursor: svg.querySelector(".cursor"),
  t: svg.dataset.t.split(" ").map(Number), x: svg.dataset.x.split(" ").map(Number),
}));

function show(frame) {
  const start = performance.now();
  player.frame = Math.min(Math.max(frame, 0), lastFrame);
  if (nSamples) poseAt(player.frame);
  if (scene3d && nSamples) scene3d.draw();
  for (const view of views) view.draw(player.frame);
  const t_s = S.start_s + player.frame / S.rate;
  scrub.value = Math.round(player.frame);
  scrub.setAttribute("aria-valuetext", `${t_s.toFixed(2)} seconds`);
  clock.textContent = `${t_s.toFixed(2)} s · frame ${Math.round(player.frame) + 1} / ${S.frames}`;
  for (const chart of charts) {
    const share = (t_s - chart.t[0]) / (chart.t[1] - chart.t[0] || 1);
    const x = chart.x[0] + Math.min(Math.max(share, 0), 1) * (chart.x[1] - chart.x[0]);
    chart.cursor.setAttribute("x1", x);
    chart.cursor.setAttribute("x2", x);
  }
  player.drawn++;
  player.draw_ms += performance.now() - start;
}

function advance(now) {
  if (!player.playing) return;
  const next = player.frame + ((now - player.last) / 1000) * S.rate * player.speed;
  player.last = now;
  show(next > lastFrame ? 0 : next);
  requestAnimationFrame(advance);
}

function play(isWanted) {
  player.playing = isWanted && lastFrame > 0;
  playButton.textContent = player.playing ? "❚❚" : "▶";
  playButton.setAttribute("aria-label", player.playing ? "Stop" : "Play");
  player.last = performance.now();
  if (player.playing) requestAnimationFrame(advance);
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
