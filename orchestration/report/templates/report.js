// What a point is, where the pointer or the keyboard is; without scripts its title says the same.
const tip = document.getElementById("tip");
const hide = () => { tip.hidden = true; };
const show = (element) => {
  const point = element.closest("[data-tip]");
  if (!point) return;
  const box = point.getBoundingClientRect();
  tip.textContent = point.dataset.tip;
  tip.hidden = false;
  const left = Math.min(Math.max(4, box.left + box.width / 2 - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 4);
  const above = box.top - tip.offsetHeight - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 0 ? above : Math.min(box.bottom + 8, innerHeight - tip.offsetHeight - 4)}px`;
};
// The arrow keys go from one to the next, so that the tabulator passes a chart in one step.
const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
for (const chart of document.querySelectorAll("svg.chart")) {
  const points = [];
  for (const title of chart.querySelectorAll("title")) {
    const point = title.parentNode;
    point.dataset.tip = title.textContent;
    point.setAttribute("aria-label", title.textContent);
    point.setAttribute("tabindex", points.length ? "-1" : "0");
    points.push(point);
    title.remove();
  }
  chart.addEventListener("keydown", (event) => {
    const next = points[points.indexOf(document.activeElement) + step[event.key]];
    if (!(event.key in step)) return;
    event.preventDefault();
    if (!next) return;
    document.activeElement.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
  chart.addEventListener("mouseover", (event) => show(event.target));
  chart.addEventListener("focusin", (event) => show(event.target));
  chart.addEventListener("mouseout", hide);
  chart.addEventListener("focusout", hide);
}
addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
// Focus may have scrolled there.
addEventListener("scroll", () => (document.activeElement.closest("[data-tip]") ? show(document.activeElement) : hide()), { passive: true });
