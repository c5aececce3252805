"use strict";
/**
 * Where a picture file is chosen or dropped. `read(file)` promises what `taken` is given; of several files the last counts, and
 * none where `forget` was called before it was read, as something else was put in its place.
 */
function pictureDrop({ read, taken, problem }) {
  let newest = 0;
  const forget = () => {
    newest += 1;
  };
  const open = (chosen) => {
    forget();
    const mine = newest;
    const last = (then) => (value) => {
      if (mine === newest) then(value);
    };
    problem("");
    read(chosen).then(
      last(taken),
      last(() => problem(say("unreadable", { name: chosen.name }))),
    );
  };
  const file = html("input", {
    type: "file",
    accept: "image/*",
    onchange: () => {
      if (file.files[0]) open(file.files[0]);
    },
  });
  const drop = html(
    "div",
    { class: "drop" },
    html("label", { class: "file" }, say("own"), file),
    hint("own_hint"),
  );
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });
  return { element: drop, forget };
}
