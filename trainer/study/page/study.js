// One session: from the welcome to the end, wherever it was left. The server alone knows what comes next.

import { decoded, expose, pause, show, visible } from "./exposure.js";

const FIRST_BLANK_MS = 900; // as in the authors' tool for Mechanical Turk, and the following two
const BLANK_MS = 600;
const BEFORE_QUESTION_MS = 100;

const settings = JSON.parse(document.body.dataset.settings);
const isSequence = settings.protocol === "real-or-fake";
const page = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16)).join("-");

const QUESTIONS = {
  "real-or-fake": ["Which was the fake?", ["First", "Second"], ["←", "→"]],
  realness: ["How real does it look?", ["0", "1", "2", "3", "4"], ["missing", "bad", "acceptable", "good", "compelling"]],
  preference: ["Which is the better one?", ["Left", "Right"], ["←", "→"]],
};
const KEYS = { arrowleft: 0, f: 0, 1: 0, arrowright: 1, j: 1, 2: 1 };

const $ = (id) => document.getElementById(id);

class Refused extends Error {
  constructor(state) {
    super(state.error);
    this.state = state;
  }
}

function notice(text) {
  $("notice").textContent = text;
}

/** What the server says, however long the connection is gone; throws Refused where the request does not fit. */
async function ask(path, body, read = (response) => response.json()) {
  const options = body && {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  for (let wait = 500; ; wait = Math.min(2 * wait, 8000)) {
    let response = null;
    try {
      response = await fetch(path, options);
      if (response.ok) {
        const told = await read(response);
        notice("");
        return told;
      }
      if (response.status === 409) throw new Refused(await response.json());
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    if (response !== null && response.status >= 400 && response.status < 500) {
      notice("Something is wrong with this page. Please load it again.");
      await new Promise(() => {});
    }
    notice("No connection. Trying again …");
    await pause(wait);
  }
}

function section(id) {
  for (const each of document.querySelectorAll("main > section")) each.hidden = each.id !== id;
  scrollTo(0, 0);
}

function clicked(id) {
  $(id).closest("section").querySelector("h1").focus();
  return new Promise((resolve) => $(id).addEventListener("click", resolve, { once: true }));
}

async function welcome() {
  section("welcome");
  await clicked("agree");
  const given = new URLSearchParams(location.search);
  const ids = {};
  for (const name of ["PROLIFIC_PID", "STUDY_ID", "SESSION_ID"]) {
    if (given.get(name)) ids[name] = given.get(name).slice(0, 200);
  }
  const state = await ask("/api/start", { ids });
  history.replaceState(null, "", "/"); // who looks over a shoulder, or at the history, need not see them
  return state;
}

async function ready(title, text) {
  $("ready-title").textContent = title;
  $("ready-text").textContent = text;
  section("ready");
  await clicked("go");
}

function progress(state) {
  const isDone = state.phase === "done";
  const total = state.numTrials;
  const before = state.isPractice ? 0 : settings.numPractice;
  const of = state.isPractice ? settings.numPractice : total - settings.numPractice;
  $("progress").hidden = !isDone && total === undefined;
  $("bar").style.width = isDone ? "100%" : `${(100 * state.trial) / total}%`;
  $("progress").setAttribute("aria-valuenow", isDone ? 1 : state.trial);
  $("progress").setAttribute("aria-valuemax", isDone ? 1 : total);
  $("count").textContent = isDone ? "" : `${state.isPractice ? "Practice: " : ""}${state.trial - before + 1} of ${of}`;
}

/** Figures in the stage, not yet to be seen. */
function staged(images, captions) {
  const figures = images.map((image, slot) => {
    const figure = document.createElement("figure");
    figure.className = "away";
    figure.append(image);
    if (captions[slot]) {
      const caption = document.createElement("figcaption");
      caption.textContent = captions[slot];
      figure.append(caption);
    }
    return figure;
  });
  $("stage").className = settings.protocol === "preference" && images.length === 2 ? "pair" : "";
  if (settings.protocol === "preference" && images.length === 3) figures[0].classList.add("input");
  $("stage").replaceChildren(...figures);
  return figures;
}

function captionsOf(count) {
  if (settings.protocol !== "preference") return [];
  return count === 3 ? ["the input", "left", "right"] : ["left", "right"];
}

/** Show what is to be judged. Resolves to how long each image was there; where it stays, to a function for it. */
async function present(figures) {
  if (isSequence) {
    const exposures = [];
    for (const [place, figure] of figures.entries()) {
      if (place > 0) await pause(BLANK_MS);
      await visible();
      exposures.push(await expose([figure], settings.exposure));
    }
    return () => exposures;
  }
  if (settings.exposure) {
    const measured = await expose(figures, settings.exposure);
    return () => figures.map(() => measured);
  }
  const start = await show(figures);
  return () => figures.map(() => performance.now() - start);
}

function button(label, hint) {
  const made = document.createElement("button");
  made.append(label);
  if (hint) {
    const small = document.createElement("small");
    small.textContent = hint;
    made.append(small);
  }
  return made;
}

/** Buttons and their keys. Resolves to the place of the one that is chosen. */
function chosen(title, remark, buttons, keys) {
  $("ask").textContent = title;
  $("remark").textContent = remark;
  $("choices").replaceChildren(...buttons);
  $("question").classList.remove("waiting");
  return new Promise((resolve) => {
    const choose = (choice) => {
      document.removeEventListener("keydown", pressed);
      for (const each of buttons) each.disabled = true;
      resolve(choice);
    };
    const pressed = (event) => {
      if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
      const choice = keys[event.key.toLowerCase()];
      if (choice === undefined) return;
      event.preventDefault();
      choose(choice);
    };
    document.addEventListener("keydown", pressed);
    buttons.forEach((each, choice) => each.addEventListener("click", () => choose(choice), { once: true }));
  });
}

function question(isRemembered) {
  const [title, labels, hints] = QUESTIONS[settings.protocol];
  const remark = isRemembered ? "You have seen the pictures before this page was loaded: say what you remember." : "";
  const keys = settings.protocol === "realness" ? { 0: 0, 1: 1, 2: 2, 3: 3, 4: 4 } : KEYS;
  return chosen(title, remark, labels.map((label, place) => button(label, hints[place])), keys);
}

async function explain(feedback, images) {
  const names = ["first", "second"];
  if (images.length > 0) {
    const captions = names.map((_, slot) => (slot === feedback.fake ? "fake" : "real"));
    const figures = staged(images, captions);
    $("stage").className = "beside";
    await show(figures);
  }
  const title = feedback.isRight ? "Correct." : "Not this time.";
  const go = button("Go on", "");
  const answered = chosen(title, `The ${names[feedback.fake]} one was the fake.`, [go], { arrowright: 0, j: 0 });
  go.focus();
  await answered;
}

function cleared(images) {
  $("question").classList.add("waiting");
  $("stage").replaceChildren();
  $("stage").className = "";
  for (const image of images) URL.revokeObjectURL(image.src);
}

async function shown(state) {
  const began = performance.now();
  const slots = Array.from({ length: state.numImages }, (_, slot) => `/image/${state.trial}/${slot}`);
  const images = await decoded(await Promise.all(slots.map((path) => ask(path, null, (response) => response.blob()))));
  const figures = staged(images, captionsOf(images.length));
  await visible();
  await ask("/api/begin", { trial: state.trial, page });
  await pause(FIRST_BLANK_MS - (performance.now() - began));
  return { images, measured: await present(figures) };
}

async function oneTrial(state) {
  section("trial");
  progress(state);
  const { images, measured } = state.isShown ? { images: [], measured: () => [] } : await shown(state);
  try {
    if (state.isShown) await pause(state.waitMs);
    if (isSequence) await pause(BEFORE_QUESTION_MS);
    const start = performance.now();
    const choice = await question(state.isShown);
    const seconds = (performance.now() - start) / 1000;
    const told = await ask("/api/answer", { trial: state.trial, choice, exposures_ms: measured(), seconds });
    if (told.feedback) await explain(told.feedback, images);
    return told;
  } finally {
    cleared(images);
  }
}

function end(state) {
  section(state.phase);
  progress(state);
  if (state.code) {
    $("code").textContent = state.code;
    $("code-line").hidden = false;
  }
  if (state.url) {
    $("link").href = state.url;
    $("link-line").hidden = false;
  }
  document.querySelector(`#${state.phase} h1`).focus();
}

async function session() {
  let state = await ask("/api/state");
  if (state.phase === "welcome") state = await welcome();
  else if (state.phase === "trial") await ready("Welcome back", "You go on where you were.");
  while (state.phase === "trial") {
    if (settings.numPractice && state.trial === settings.numPractice && !state.isShown) {
      const left = state.numTrials - state.trial;
      await ready("Now it counts", `Practice is over: the other ${left} come without feedback.`);
    }
    try {
      state = await oneTrial(state);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.state.phase === "welcome") location.reload();
      await ready("Once more", "This page was not where you are, perhaps because of another one. You go on from there.");
      state = error.state;
    }
  }
  end(state);
}

document.addEventListener("contextmenu", (event) => event.target.closest("#stage") && event.preventDefault());
session();
