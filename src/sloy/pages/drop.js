"use strict";
/** Where a picture file is chosen or dropped. */
function pictureDrop(open) {
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
  return drop;
}
