// Images on the screen for a time that is counted in frames, and measured.

const TOLERANCE_MS = 2; // of the clock of frames, so that a last frame that is a hair early is not doubled

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
  }).then(visible);
}

/** Image elements, decoded: they can be painted in the frame in which they are asked for. */
export function decoded(blobs) {
  return Promise.all(
    blobs.map(async (blob, slot) => {
      const image = new Image();
      image.alt = `Picture ${slot + 1}`;
      image.draggable = false;
      image.src = URL.createObjectURL(blob);
      await image.decode();
      return image;
    })
  );
}

/**
 * Show elements from one frame on until the first in which the duration is over.
 *
 * Resolves to the milliseconds between these two frames. Where the page is put away, its images are gone, and so is
 * the time.
 */
export function expose(elements, duration) {
  return new Promise((resolve) => {
    let start = null;
    let ended = false;
    const end = (now) => {
      if (ended) return;
      ended = true;
      for (const element of elements) element.classList.add("away");
      document.removeEventListener("visibilitychange", left);
      resolve(start === null ? 0 : now - start);
    };
    const left = () => document.hidden && end(performance.now());
    const tick = (now) => {
      if (ended) return;
      if (start === null) {
        start = now;
        for (const element of elements) element.classList.remove("away");
      } else if (now - start >= duration - TOLERANCE_MS) {
        end(now);
        return;
      }
      requestAnimationFrame(tick);
    };
    document.addEventListener("visibilitychange", left);
    requestAnimationFrame(tick);
  });
}

/** Show elements from the next frame on. Resolves to the moment of that frame, in milliseconds. */
export function show(elements) {
  return new Promise((resolve) => {
    requestAnimationFrame((now) => {
      for (const element of elements) element.classList.remove("away");
      resolve(now);
    });
  });
}
