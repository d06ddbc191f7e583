// What a point is, where the pointer or the keyboard is; without scripts its title says the same.
const tip = document.getElementById("tip");
const show = (event) => {
  const point = event.target.closest("a[data-tip]");
  if (!point) return;
  const box = point.getBoundingClientRect();
  tip.textContent = point.dataset.tip;
  tip.hidden = false;
  const left = Math.min(Math.max(4, box.left + box.width / 2 - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 4);
  const above = box.top - tip.offsetHeight - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 0 ? above : Math.min(box.bottom + 8, innerHeight - tip.offsetHeight - 4)}px`;
};
const hide = () => { tip.hidden = true; };
for (const chart of document.querySelectorAll("svg.chart")) {
  for (const title of chart.querySelectorAll("a > title")) title.remove();
  chart.addEventListener("mouseover", show);
  chart.addEventListener("focusin", show);
  chart.addEventListener("mouseout", hide);
  chart.addEventListener("focusout", hide);
}
addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
addEventListener("scroll", hide, { passive: true });
