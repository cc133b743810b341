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
  });
}

function show(image, blob) {
  if (image.src) URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
}

async function translate() {
  const number = asked += 1;
  say("translating …");
  const drawn = await new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
  try {
    const answer = await fetch(`api/translate?${settings()}`, {
      method: "POST", body: drawn, headers: { "content-type": "image/png" },
    });
    if (!answer.ok) throw new Error((await answer.json()).error);
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

async function put(blob) {
  const picture = await createImageBitmap(blob);
  const scale = Math.min(1, MOST_SIDE / Math.max(picture.width, picture.height));
  sheet.width = Math.max(1, Math.round(picture.width * scale));
  sheet.height = Math.max(1, Math.round(picture.height * scale));
  fill([255, 255, 255]);
  pen.imageSmoothingEnabled = scale < 1;
  pen.drawImage(picture, 0, 0, sheet.width, sheet.height);
  await translate();
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
for (const id of ["label", "seed", "direction"]) byId(id).addEventListener("change", translate);
byId("upload").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  try { await put(file); } catch { say("this is no picture that the browser can show"); }
});
byId("example").addEventListener("click", async () => {
  const number = shown % facts.numExamples;
  shown += 1;
  await put(await (await fetch(`api/example/${number}?${settings()}`)).blob());
});

fetch("api/facts").then((answer) => answer.json()).then((found) => {
  facts = found;
  build();
});
