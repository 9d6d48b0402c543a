// The page's numbers, back from base64. Unknown is NaN.
const byId = (name) => document.getElementById(name);
const data = JSON.parse(byId("data").textContent);

function bytesOf(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

function numbersOf(table) {
  const bytes = bytesOf(table.numbers), n = bytes.length / 2, out = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    const number = bytes[2 * i] | (bytes[2 * i + 1] << 8); // little-endian on every machine
    out[i] = number === 65535 ? NaN : table.low + table.step * number;
  }
  return out;
}

function flagsOf(table) {
  const bytes = bytesOf(table.bits), n = table.shape.reduce((a, b) => a * b, 1), out = new Uint8Array(n);
  for (let i = 0; i < n; i++) out[i] = (bytes[i >> 3] >> (7 - (i & 7))) & 1;
  return out;
}

const player = { frame: 0, playing: false, speed: 1, last: 0, told: 0, nextView: 0, paces: [], drawn: 0, draw_ms: 0 };
const S = data.scene;
const nPeople = S.people.length, nKeypoints = S.keypoints.length;
const rowSize = nPeople * nKeypoints;
const positions = numbersOf(S.positions), filled = flagsOf(S.filled), spread = numbersOf(S.spread);
const nSamples = rowSize ? positions.length / (3 * rowSize) : 0;
const nDoubts = rowSize ? spread.length / (6 * rowSize) : 0;
const lastFrame = Math.max(0, S.frames - 1);

const SIDES = { left: "#0072b2", right: "#d55e00", middle: "#8a8f98" };
const PEOPLE = ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#0072b2", "#d55e00"];
const ORIGINS = { measured: "#0072b2", filled: "#e69f00" };
const DOUBT = ["#00224e", "#3b496c", "#707173", "#a59c74", "#fee838"]; // cividis
const DOUBT_MM = 40;
