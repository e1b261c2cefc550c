// Draws the plots that come into view, and opens the sections that links and buttons ask for.
"use strict";

const CONFIG = { responsive: true, displayModeBar: false, displaylogo: false, showTips: false };
const PAPER_PX = 680; // between the margins of A4
const NEAR = "300px 0px"; // how far below the screen a plot is drawn already

/** What a script element holds as base64 of gzip. */
async function unpacked(id) {
  const letters = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) {
    bytes[i] = letters.charCodeAt(i);
  }
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

/** Run a script as if it stood in the page. */
function run(source) {
  const script = document.createElement("script");
  script.textContent = source;
  document.head.append(script);
}

/** Fill the place of a plot, once. */
function draw(place, { template, layouts, data }) {
  if (place.childElementCount === 0) {
    const number = Number(place.dataset.figure);
    Plotly.newPlot(place, data[number], { ...layouts[number], template }, CONFIG);
  }
}

/** Draw each plot when it comes into view, which in a closed section none does; before printing all that are open. */
function drawInView(shown) {
  const places = [...document.querySelectorAll(".plot")];
  const seen = (entries) => entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target);
  const watch = new IntersectionObserver((entries) => seen(entries).forEach((place) => draw(place, shown)), {
    rootMargin: NEAR,
  });
  places.forEach((place) => watch.observe(place));
  const open = () => places.filter((place) => place.checkVisibility());
  window.addEventListener("beforeprint", () => {
    open().forEach((place) => draw(place, shown));
    open().forEach((place) => Plotly.relayout(place, { width: PAPER_PX }));
  });
  window.addEventListener("afterprint", () => {
    open().forEach((place) => Plotly.relayout(place, { width: null, autosize: true }));
  });
}

/** Unpack what plots are made of; where that fails, say that tables hold the numbers. */
async function drawAll() {
  try {
    const [source, figures] = await Promise.all(["plotly", "figures"].map(unpacked));
    run(source);
    drawInView(JSON.parse(figures));
  } catch (failed) {
    document.documentElement.classList.remove("able");
    console.error(failed);
  }
}

/** Open what the address points at, and all that it is folded into. */
function unfold(hash) {
  const target = document.getElementById(decodeURIComponent(hash.slice(1)));
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) {
    fold.open = true;
  }
  target?.scrollIntoView();
}

document.addEventListener("click", (click) => {
  const { hash } = click.target.closest('a[href^="#"]') ?? {};
  const { opens } = click.target.closest("button")?.dataset ?? {};
  if (hash) {
    unfold(hash);
  } else if (opens) {
    document.querySelectorAll("details.section").forEach((section) => (section.open = opens === "yes"));
  }
});
window.addEventListener("hashchange", () => unfold(location.hash));
unfold(location.hash);
if (document.getElementById("figures") && document.documentElement.classList.contains("able")) {
  drawAll();
}
