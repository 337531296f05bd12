// The poisoning lab's forms, while they are filled in. Without this script each page says the same after it is sent.

function flips(form) {
  const field = form.querySelector("[data-ratio]");
  const [slider, number] = field.querySelectorAll("input");
  const label = field.querySelector("output");
  const warning = field.querySelector("#ratio-warning");
  const otherwise = warning.querySelector("[data-otherwise]");
  const classes = form.querySelector("[data-classes]");
  const show = () => {
    const kind = form.querySelector("[name=kind]:checked").dataset;
    label.textContent = number.value === "" ? "" : `${Number(number.value)} % of the labels of ${kind.of} are flipped`;
    warning.hidden = !(kind.warns && Number(number.value) >= Number(number.dataset.warnFrom));
    classes.hidden = !kind.named;
  };
  slider.hidden = label.hidden = false;
  // The kind is known here, so that what holds for another one is left out.
  if (otherwise) otherwise.hidden = true;
  slider.value = number.value;
  slider.addEventListener("input", () => { number.value = slider.value; show(); });
  number.addEventListener("input", () => { slider.value = number.value; show(); });
  for (const box of form.querySelectorAll("[name=kind]")) box.addEventListener("change", show);
  show();
}

function bothShares(form) {
  const counts = new Map([...form.querySelectorAll("[data-n]")].map((row) => [row.dataset.label, Number(row.dataset.n)]));
  const nTrain = [...counts.values()].reduce((sum, n) => sum + n, 0);
  const shown = form.querySelector("#shares");
  const show = () => {
    const { target, rate_percent: rate, labels } = form.elements;
    const dirty = labels.value === "dirty";
    const ofTarget = counts.get(target.value);
    const n = Math.round((Number(rate.value) / 100) * nTrain);
    const most = dirty ? nTrain - ofTarget : ofTarget;
    const carrying = dirty ? ofTarget + n : ofTarget;
    const words = document.createElement("p");
    if (n < 1) words.textContent = "This rate is that of no image; give a higher one.";
    else if (n > most) words.textContent = `${n} images are asked for, and only ${most} can be taken: give at most ${Math.floor((10000 * most) / nTrain) / 100} %.`;
    else words.textContent = `${n} of ${nTrain} training images: ${((100 * n) / nTrain).toFixed(1)} % of all, ${((100 * n) / carrying).toFixed(1)} % of those that are labelled with the target then.`;
    shown.replaceChildren(words);
  };
  for (const name of ["target", "rate_percent"]) form.elements[name].addEventListener("input", show);
  for (const box of form.elements.labels) box.addEventListener("input", show);
}

document.querySelectorAll("form[data-flips]").forEach(flips);
document.querySelectorAll("form[data-shares]").forEach(bothShares);
