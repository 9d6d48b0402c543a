// The views: a picture, what the detector saw (dots) and what 3D says should be seen (lines), all of one instant.
const views = data.views.map((view) => {
  const figure = document.createElement("figure"), canvas = document.createElement("canvas");
  const caption = document.createElement("figcaption");
  figure.append(canvas, caption);
  figure.tabIndex = 0;
  figure.setAttribute("role", "button");
  figure.setAttribute("aria-label", `${view.name}: larger or smaller`);
  const choose = () => { figure.classList.toggle("chosen"); size(); };
  figure.addEventListener("click", choose);
  figure.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(); });
  byId("views").append(figure);
  const seen = numbersOf(view.seen), expected = numbersOf(view.expected), pen = canvas.getContext("2d");
  const pictures = view.pictures.map((address) => { const image = new Image(); image.src = address; image.decoding = "sync"; return image; });
  let shown = -1;

  function size() {
    const width = Math.round(figure.clientWidth * Math.min(devicePixelRatio, 2)) || 360;
    canvas.width = width;
    canvas.height = Math.round((width * view.height) / view.width);
    shown = -1;
    draw(player.frame);
  }

  function nearest(frame) {
    let low = 0, high = view.instants.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (view.instants[middle] < frame) low = middle + 1; else high = middle;
    }
    return low > 0 && frame - view.instants[low - 1] <= view.instants[low] - frame ? low - 1 : low;
  }

  function draw(frame) {
    if (!view.instants.length) return;
    const instant = nearest(frame);
    if (instant === shown) return;
    shown = instant;
    const image = pictures[instant];
    if (image && !image.complete) image.onload = () => { shown = -1; draw(player.frame); };
    pen.fillStyle = "#1b222b";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    if (image && image.complete) pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    for (let person = 0; person < nPeople; person++) drawPerson(instant, person);
    caption.textContent = `${view.name} · ${(S.start_s + view.instants[instant] / S.rate).toFixed(2)} s`;
  }

  function drawPerson(instant, person) {
    const base = 2 * (instant * rowSize + person * nKeypoints), w = canvas.width;
    pen.lineWidth = Math.max(1.5, w / 190);
    pen.lineCap = "round";
    S.limbs.forEach(([a, b], limb) => {
      const i = base + 2 * a, j = base + 2 * b;
      if (Number.isNaN(expected[i]) || Number.isNaN(expected[j])) return;
      pen.strokeStyle = scene3d.options.colour === "person" ? PEOPLE[person % PEOPLE.length] : { left: "#3fa9e8", right: "#ff8a3d", middle: "#d9dee4" }[S.limbSide[limb]];
      pen.beginPath();
      pen.moveTo(expected[i] * w, expected[i + 1] * w);
      pen.lineTo(expected[j] * w, expected[j + 1] * w);
      pen.stroke();
    });
    pen.fillStyle = "#ffffff";
    pen.strokeStyle = "#101820";
    pen.lineWidth = 1;
    for (let k = 0; k < nKeypoints; k++) {
      const x = seen[base + 2 * k] * w, y = seen[base + 2 * k + 1] * w;
      if (Number.isNaN(x)) continue;
      pen.beginPath();
      pen.arc(x, y, Math.max(1.6, w / 210), 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    }
  }

  return { size, draw, again: () => { shown = -1; draw(player.frame); } };
});
byId("views").classList.toggle("many", data.views.length > 3 || data.views.some((view) => view.height > view.width));
