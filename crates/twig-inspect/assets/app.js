// The viewer's behaviour. Pages work without it; with it they are quicker. Texts of the dataset only ever reach
// the page escaped by the server, or through textContent.
"use strict";

const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const isTyping = () => /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "");
const base = document.body.dataset.base;

// ---- gallery: filters apply at once, further pages come while scrolling, canvases grow under the pointer
const filters = one("form.filters");
if (filters) {
  let waiting;
  filters.addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, event.target.type === "search" ? 250 : 0);
  });
  filters.addEventListener("submit", (event) => { event.preventDefault(); refresh(); });
}

let refreshing = 0;
async function refresh() {
  const mine = ++refreshing;
  const query = new URLSearchParams([...new FormData(filters)].filter(([, value]) => value !== ""));
  const answer = await fetch(`${base}/cards?${query}`);
  if (!answer.ok || mine !== refreshing) return;
  one("#cards").innerHTML = await answer.text();
  history.replaceState(null, "", `${base}/?${query}`);
  watch();
}

async function appendPage(link) {
  const url = new URL(link.href);
  const answer = await fetch(`${base}/cards${url.search}`);
  if (!answer.ok || !link.isConnected) return;
  const page = document.createElement("div");
  page.innerHTML = await answer.text();
  one(".gallery").append(...all(".gallery > *", page));
  const next = one(".more", page);
  link.closest(".more").replaceWith(...(next ? [next] : []));
  watch();
}

const onSight = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (isIntersecting) { onSight.unobserve(target); appendPage(target); }
  }
}, { rootMargin: "900px" });
function watch() { all(".more a").forEach((link) => onSight.observe(link)); }
watch();

let growing;
const mayMove = !matchMedia("(prefers-reduced-motion: reduce)").matches;
document.addEventListener("pointerover", (event) => {
  const tile = event.target.closest?.(".tile[data-frames]");
  if (!tile || !mayMove || tile.dataset.growing) return;
  tile.dataset.growing = "yes";
  const picture = one("img", tile), whole = picture.src, count = Number(tile.dataset.frames);
  const frames = Array.from({ length: count }, (_, index) => `${whole}/${index}`);
  frames.forEach((source) => { new Image().src = source; });
  let index = 0;
  growing = setInterval(() => { picture.src = index < count ? frames[index] : whole; index = (index + 1) % (count + 2); }, 550);
  const mine = growing;
  tile.addEventListener("pointerleave", () => { clearInterval(mine); picture.src = whole; delete tile.dataset.growing; }, { once: true });
});

// ---- one trajectory: one attempt at a time
const panels = all(".panel[data-step]");
const picture = one("#canvas"), outlines = all(".outline");
let current = 0, decoded = false;
function step(to, focus = false) {
  if (!panels.length) return;
  current = Math.max(0, Math.min(panels.length - 1, to));
  panels.forEach((panel, index) => { panel.hidden = index !== current; });
  outlines.forEach((outline, index) => { outline.style.display = index === current ? "" : "none"; });
  all(".strip button").forEach((button, index) => {
    button.setAttribute("aria-selected", index === current);
    button.tabIndex = index === current ? 0 : -1;
    if (index === current) { button.scrollIntoView({ block: "nearest", inline: "nearest" }); if (focus) button.focus(); }
  });
  const panel = panels[current];
  picture.src = decoded && panel.dataset.decoded ? panel.dataset.decoded : panel.dataset.picture;
  picture.alt = panel.dataset.alt;
  history.replaceState(null, "", `#${current + 1}`);
}
if (panels.length) {
  all(".strip button").forEach((button, index) => button.addEventListener("click", () => step(index)));
  step((Number(location.hash.slice(1)) || 1) - 1);
  panels.forEach((panel) => { new Image().src = panel.dataset.picture; });
}
function toggleDecoded() {
  const button = one("#decoded");
  if (!button) return;
  decoded = !decoded;
  button.setAttribute("aria-pressed", decoded);
  step(current);
}
one("#decoded")?.addEventListener("click", toggleDecoded);
function toggleOutline() {
  const hidden = document.body.classList.toggle("plain");
  outlines.forEach((outline) => { outline.style.visibility = hidden ? "hidden" : ""; });
  one("#outlined")?.setAttribute("aria-pressed", !hidden);
}
one("#outlined")?.addEventListener("click", toggleOutline);
all(".compare + input").forEach((slider) => slider.addEventListener("input", () => slider.previousElementSibling.style.setProperty("--cut", `${slider.value}%`)));

// ---- marks
const marking = one(".mark");
async function mark(value) {
  const note = one("input", marking).value;
  const answer = await fetch(`${base}/mark`, {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ id: marking.dataset.id, mark: value || null, note }),
  });
  one("output", marking).textContent = answer.ok ? "saved" : `not saved: ${await answer.text()}`;
  if (answer.ok) {
    marking.dataset.mark = value || "";
    all("button", marking).forEach((button) => button.setAttribute("aria-pressed", button.dataset.mark === value));
  }
}
if (marking) {
  const toggled = (value) => (marking.dataset.mark === value ? "" : value);
  all("button", marking).forEach((button) => button.addEventListener("click", () => mark(toggled(button.dataset.mark))));
  one("input", marking).addEventListener("change", () => mark(marking.dataset.mark));
  marking.toggled = toggled;
}

// ---- keys
const go = (selector) => { const link = one(selector); if (link) location.assign(link.href); };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping()) { if (event.key === "Escape") document.activeElement.blur(); return; }
  const keys = {
    ArrowRight: () => step(current + 1, true), ArrowLeft: () => step(current - 1, true),
    Home: () => step(0, true), End: () => step(panels.length - 1, true),
    n: () => go("a[rel=next]"), p: () => go("a[rel=prev]"), g: () => go("a.home"), Escape: () => go("a.home"),
    k: () => marking && mark(marking.toggled("keep")), d: () => marking && mark(marking.toggled("drop")),
    m: () => marking && one("input", marking).focus(), t: toggleDecoded, o: toggleOutline,
    "/": () => one("input[type=search]")?.focus(), "?": () => one("#help")?.showModal(),
  };
  const onlyThere = ["ArrowRight", "ArrowLeft", "Home", "End"];
  if (!keys[event.key] || one("dialog[open]") || (onlyThere.includes(event.key) && (!panels.length || event.target.type === "range"))) return;
  event.preventDefault();
  keys[event.key]();
});
one("#help-button")?.addEventListener("click", () => one("#help").showModal());

// ---- a run that goes on
const live = one("#live");
async function follow() {
  try {
    const answer = await fetch(`${base}/live`);
    if (answer.ok) {
      const text = await answer.text();
      if (text !== live.dataset.last) { live.innerHTML = text; live.dataset.last = text; }
      const now = one("[data-trajectories]", live)?.dataset.trajectories;
      if (now !== undefined && live.dataset.trajectories !== undefined && now !== live.dataset.trajectories && scrollY < 300) refresh();
      live.dataset.trajectories = now;
      setTimeout(follow, one("[data-active=yes]", live) ? 1000 : 4000);
      return;
    }
  } catch { /* the viewer was stopped, or is busy */ }
  setTimeout(follow, 4000);
}
if (live) setTimeout(follow, 1000);
