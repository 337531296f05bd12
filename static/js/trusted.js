// Ticking a whole class at once, for who has looked at it. Without this script every image is ticked by itself.

document.querySelectorAll("#vouch fieldset").forEach((group) => {
  const all = group.querySelector("[data-all]");
  const boxes = [...group.querySelectorAll('input[name="items"]')];
  const show = () => {
    const n = boxes.filter((box) => box.checked).length;
    all.checked = n > 0 && n === boxes.length;
    all.indeterminate = n > 0 && n < boxes.length;
  };
  all.closest("label").hidden = false;
  all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; });
  group.addEventListener("change", show);
  show();
});
