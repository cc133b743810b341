"use strict";

const byId = (id) => document.getElementById(id);
const sheet = byId("sheet");
const pen = sheet.getContext("2d", { willReadFrequently: true });
const MOST_SIDE = 1024; // of an uploaded picture, in pixels
let facts;
let color = [0, 0, 0];
let last = null; // where the stroke was
let asked = 0; // requests so far: an older answer does not replace a newer one
let shown = 0; // examples so far
let far = null; // the picture at the other end, if one was given
let under = new AbortController(); // the request that is under way
let cursor = null; // of the keyboard, in pixels of the sheet

const say = (text) => { byId("status").textContent = text; };
const css = (rgb) => `rgb(${rgb.join(",")})`;

function fill(rgb) {
  pen.fillStyle = css(rgb);
  pen.fillRect(0, 0, sheet.width, sheet.height);
}

// A disc of whole pixels: smoothed edges would be colours of no class.
function dab(x, y) {
  const radius = Math.max(0, Math.floor(Number(byId("brush").value) * sheet.width / 512));
  pen.fillStyle = css(color);
  for (let row = -radius; row <= radius; row += 1) {
    const half = Math.floor(Math.sqrt(radius * radius - row * row));
    pen.fillRect(x - half, y + row, 2 * half + 1, 1);
  }
}

function at(event) {
  const box = sheet.getBoundingClientRect();
  const x = Math.floor((event.clientX - box.left) * sheet.width / box.width);
  return [x, Math.floor((event.clientY - box.top) * sheet.height / box.height)];
}

function draw(event) {
  const [x, y] = at(event);
  const [fromX, fromY] = last ?? [x, y];
  const steps = Math.max(1, Math.abs(x - fromX), Math.abs(y - fromY));
  for (let step = 0; step <= steps; step += 1) {
    dab(Math.round(fromX + (x - fromX) * step / steps), Math.round(fromY + (y - fromY) * step / steps));
  }
  last = [x, y];
}

function settings() {
  return new URLSearchParams({
    direction: byId("direction").value || "a2b",
    label: byId("label").value,
    seed: byId("seed").value,
    weight: byId("weight").value,
    kept: [...byId("further").querySelectorAll("select")].map((select) => select.value).join(","),
  });
}

function show(image, blob) {
  if (image.src) URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
}

// What a request gives. Raises an Error with what the server has to say.
async function ask(address, options = {}) {
  const answer = await fetch(address, options);
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Error(told.error ?? `the server answers ${answer.status} ${answer.statusText}`);
}

async function translate() {
  const number = asked += 1;
  under.abort(); // what is asked for now is all that is wanted
  under = new AbortController();
  say("translating …");
  const drawn = await new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
  const sent = far ? new Blob([drawn, far]) : drawn;
  const first = far ? drawn.size : 0;
  try {
    const answer = await ask(`api/translate?${settings()}&first=${first}`, {
      method: "POST", body: sent, headers: { "content-type": "image/png" }, signal: under.signal,
    });
    const made = await answer.blob();
    if (number !== asked) return;
    show(byId("before"), drawn);
    show(byId("after"), made);
    byId("save").href = byId("after").src;
    byId("save").hidden = false;
    say("");
  } catch (error) {
    if (number === asked) say(error.message);
  }
}

// The picture of a file as PNG, on a canvas that is not larger than the server takes.
async function drawOn(canvas, blob) {
  let picture;
  try { picture = await createImageBitmap(blob); } catch { throw new Error("this is no picture that the browser can show"); }
  const scale = Math.min(1, MOST_SIDE / Math.max(picture.width, picture.height));
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const on = canvas.getContext("2d");
  on.fillStyle = css([255, 255, 255]);
  on.fillRect(0, 0, canvas.width, canvas.height);
  on.imageSmoothingEnabled = scale < 1;
  on.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
}

async function putFar(blob) {
  const canvas = document.createElement("canvas");
  await drawOn(canvas, blob);
  setFar(await new Promise((resolve) => canvas.toBlob(resolve, "image/png")));
  await translate();
}

function setFar(blob) {
  far = blob;
  byId("far-clear").hidden = byId("weight-label").hidden = blob === null;
  if (blob) show(byId("far"), blob);
  else byId("far").removeAttribute("src");
}

async function put(blob) {
  await drawOn(sheet, blob);
  await translate();
}

async function example() {
  const number = shown % facts.numExamples;
  shown += 1;
  return (await ask(`api/example/${number}?${settings()}`)).blob();
}

function clear() {
  sheet.width = facts.width;
  sheet.height = facts.height;
  fill(facts.palette.length > 2 && facts.isClasses ? facts.palette[0].color : [255, 255, 255]);
}

function choose(button, rgb) {
  for (const other of byId("palette").children) other.setAttribute("aria-checked", String(other === button));
  color = rgb;
}

function addBrush({ name, color: rgb }) {
  const button = document.createElement("button");
  const dot = document.createElement("canvas");
  dot.width = dot.height = 1;
  const ink = dot.getContext("2d");
  ink.fillStyle = css(rgb);
  ink.fillRect(0, 0, 1, 1);
  button.setAttribute("role", "radio");
  button.addEventListener("keydown", (event) => {
    const next = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[event.key];
    if (next && button[next]) { button[next].focus(); button[next].click(); }
  });
  button.append(dot, name);
  button.addEventListener("click", () => choose(button, rgb));
  byId("palette").append(button);
}

function nameLabel() {
  byId("label-name").textContent = facts.labels[Number(byId("label").value)] ?? "";
}

function split() {
  byId("after").style.clipPath = `inset(0 0 0 ${byId("split").value}%)`;
}

function build() {
  document.title = facts.title;
  byId("title").textContent = facts.title;
  byId("about").textContent = facts.about;
  facts.palette.forEach(addBrush);
  const first = byId("palette").children[facts.isClasses && facts.palette.length > 1 ? 1 : 0];
  if (first) first.click();
  for (const way of facts.directions) {
    const [from, to] = way === "a2b" ? [facts.views.a, facts.views.b] : [facts.views.b, facts.views.a];
    byId("direction").append(new Option(`${from} → ${to}`, way));
  }
  byId("direction-label").hidden = facts.directions.length < 2;
  byId("label-label").hidden = facts.labels.length === 0;
  byId("label").max = String(Math.max(0, facts.labels.length - 1));
  byId("seed-label").hidden = !facts.varies;
  byId("example").hidden = facts.numExamples === 0;
  for (const { name, values } of facts.further) {
    const label = byId("further").appendChild(document.createElement("label"));
    const select = document.createElement("select");
    values.forEach((value, place) => select.append(new Option(value, String(place))));
    select.addEventListener("change", translate);
    label.append(name, select);
  }
  byId("far-part").hidden = !facts.goesBetween;
  byId("far-example").hidden = facts.numExamples === 0;
  nameLabel();
  clear();
}

sheet.addEventListener("pointerdown", (event) => {
  sheet.setPointerCapture(event.pointerId);
  last = null;
  draw(event);
});
sheet.addEventListener("pointermove", (event) => { if (event.buttons) draw(event); });
sheet.addEventListener("pointerup", translate);
byId("clear").addEventListener("click", clear);
byId("split").addEventListener("input", split);
byId("label").addEventListener("input", nameLabel);
for (const id of ["label", "seed", "direction", "weight"]) byId(id).addEventListener("change", translate);
// With the keyboard: arrow keys move a ring by the brush's size, the space bar draws there.
function point() {
  byId("cursor").hidden = cursor === null;
  if (cursor === null) return;
  byId("cursor").style.left = `${100 * (cursor[0] + 0.5) / sheet.width}%`;
  byId("cursor").style.top = `${100 * (cursor[1] + 0.5) / sheet.height}%`;
}
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
sheet.addEventListener("keydown", (event) => {
  const way = WAYS[event.key];
  if (!way && event.key !== " ") return;
  event.preventDefault();
  cursor ??= [Math.floor(sheet.width / 2), Math.floor(sheet.height / 2)];
  const step = Math.max(1, Math.floor(Number(byId("brush").value) * sheet.width / 512));
  if (way) {
    cursor = [
      Math.min(sheet.width - 1, Math.max(0, cursor[0] + way[0] * step)),
      Math.min(sheet.height - 1, Math.max(0, cursor[1] + way[1] * step)),
    ];
  } else {
    dab(...cursor);
  }
  point();
});
sheet.addEventListener("keyup", (event) => { if (event.key === " ") translate(); });
sheet.addEventListener("blur", () => { cursor = null; point(); });

// What becomes of a picture that was chosen, or why nothing does.
async function take(getting, into) {
  try { await into(await getting); } catch (error) { say(error.message); }
}
for (const [id, into] of [["upload", put], ["far-upload", putFar]]) {
  byId(id).addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = ""; // the same file may be chosen again
    if (file) take(file, into);
  });
}
byId("example").addEventListener("click", () => take(example(), put));
byId("far-clear").addEventListener("click", () => { setFar(null); translate(); });
byId("far-example").addEventListener("click", () => take(example(), putFar));

ask("api/facts").then((answer) => answer.json()).then((found) => {
  facts = found;
  build();
}).catch((error) => say(error.message));
