"use strict";
// Frames one after another, moved by a slider or played.
const { frames, captions, words, milliseconds } = JSON.parse(document.getElementById("told").textContent);
const [picture, slider, play, caption] = ["picture", "slider", "play", "caption"].map((id) =>
  document.getElementById(id),
);
let timer = null;
function show(number) {
  slider.value = number;
  picture.src = `data:image/png;base64,${frames[number]}`;
  picture.alt = caption.textContent = captions[number];
  slider.setAttribute("aria-valuetext", captions[number]);
}
function stop() {
  clearInterval(timer);
  timer = null;
  play.textContent = words.play;
}
function start() {
  if (Number(slider.value) === frames.length - 1) show(0);
  play.textContent = words.pause;
  timer = setInterval(() => {
    if (Number(slider.value) < frames.length - 1) show(Number(slider.value) + 1);
    if (Number(slider.value) === frames.length - 1) stop();
  }, milliseconds);
}
slider.addEventListener("input", () => {
  stop();
  show(Number(slider.value));
});
play.addEventListener("click", () => (timer === null ? start() : stop()));
show(0);
