// Buttons, keys, theme.
const SPEEDS = ["0.1", "0.25", "0.5", "1", "2", "4"];
const followChoice = byId("follow"), colourChoice = byId("colour"), speedChoice = byId("speed");
S.people.forEach((name, person) => followChoice.add(new Option(name, person)));
scrub.max = lastFrame;

const set = scene3d.set;
function colour(name) {
  colourChoice.value = name;
  set("colour", name);
  views.forEach((view) => view.again());
  drawLegend();
}

function drawLegend() {
  const legend = byId("legend"), chosen = colourChoice.value;
  const entries = { side: Object.entries(SIDES), provenance: Object.entries(ORIGINS),
    person: S.people.map((name, n) => [name, PEOPLE[n % PEOPLE.length]]) }[chosen];
  legend.replaceChildren();
  if (entries) {
    for (const [name, shade] of entries) {
      const item = document.createElement("span"), swatch = document.createElement("i");
      swatch.style.background = shade;
      item.append(swatch, name);
      legend.append(item);
    }
    return;
  }
  const item = document.createElement("span"), swatch = document.createElement("i");
  swatch.className = "ramp";
  swatch.style.background = `linear-gradient(90deg, ${DOUBT.join(", ")})`;
  item.append("one sigma: 0", swatch, `${DOUBT_MM} mm`);
  legend.append(item);
}

function theme(isDark) {
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  scene3d.theme(isDark);
  drawStrip();
}

byId("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme !== "dark"));
playButton.addEventListener("click", () => play(!player.playing));
scrub.addEventListener("input", () => seek(Number(scrub.value)));
speedChoice.addEventListener("change", () => { player.speed = Number(speedChoice.value); });
colourChoice.addEventListener("change", () => colour(colourChoice.value));
followChoice.addEventListener("change", () => set("follow", Number(followChoice.value)));
for (const name of ["ellipsoids", "cameras"]) byId(name).addEventListener("change", (event) => set(name, event.target.checked));
byId("fit").addEventListener("click", scene3d.everything);
byId("reset").addEventListener("click", scene3d.frontal);
byId("help").addEventListener("click", () => {
  const keys = byId("keys");
  keys.hidden = !keys.hidden;
  byId("help").setAttribute("aria-expanded", String(!keys.hidden));
});
for (const { svg, t, x } of charts) {
  svg.style.cursor = "pointer";
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect(), at = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    seek((t[0] + ((at - x[0]) / (x[1] - x[0])) * (t[1] - t[0]) - S.start_s) * S.rate);
  });
}

const toggle = (name) => byId(name).click();
const faster = (by) => {
  const next = SPEEDS[SPEEDS.indexOf(speedChoice.value) + by];
  if (next) { speedChoice.value = next; player.speed = Number(next); }
};
const KEYS = {
  " ": () => play(!player.playing),
  ArrowLeft: (event) => seek(Math.round(player.frame) - (event.shiftKey ? S.rate : 1)),
  ArrowRight: (event) => seek(Math.round(player.frame) + (event.shiftKey ? S.rate : 1)),
  Home: () => seek(0), End: () => seek(lastFrame),
  "[": () => faster(-1), "]": () => faster(1),
  1: () => colour("side"), 2: () => colour("person"), 3: () => colour("provenance"), 4: () => colour("doubt"),
  e: () => toggle("ellipsoids"), c: () => toggle("cameras"), v: () => toggle("fit"), r: () => toggle("reset"), "?": () => toggle("help"),
  f: () => { followChoice.value = followChoice.value === "-1" && nPeople ? "0" : "-1"; set("follow", Number(followChoice.value)); },
  a: () => scene3d.turnBy(-0.12, 0, 1), d: () => scene3d.turnBy(0.12, 0, 1), w: () => scene3d.turnBy(0, 0.08, 1),
  s: () => scene3d.turnBy(0, -0.08, 1), "+": () => scene3d.turnBy(0, 0, 0.9), "-": () => scene3d.turnBy(0, 0, 1.1),
};
addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("select, summary, a, textarea");
  const isButton = event.target.closest("button, figure, input[type=checkbox]");
  const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  if (!act || isTyping || (isButton && event.key === " ") || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act(event);
});

theme(matchMedia("(prefers-color-scheme: dark)").matches);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => theme(event.matches));
drawLegend();
show(0);
views.forEach((view) => view.size());
addEventListener("resize", () => { drawStrip(); views.forEach((view) => view.size()); });
// For whoever looks at the page by program.
window.mocap3d = {
  player, play, seek, scene: scene3d, people: S.people,
  keypoint: (person, name) => [...pose.subarray(3 * (person * nKeypoints + S.keypoints.indexOf(name)))].slice(0, 3),
};
