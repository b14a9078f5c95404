// Draws charts above tables of figures, from what the tables say. Without this script the tables stand alone.

const COLOURS = ["--brand", "--sun"];
const HEIGHT = 220;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function columnOf(rows, place) {
  return rows.map((row) => {
    const value = row.cells[place + 1].dataset.value;
    return value === undefined ? null : Number(value);
  });
}

function axis(more) {
  return {
    stroke: colour("--soft"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
    ...more,
  };
}

function draw(figure) {
  const table = document.getElementById(figure.dataset.table);
  const rows = [...table.tBodies[0].rows];
  const names = rows.map((row) => row.cells[0].textContent);
  const columns = figure.dataset.columns.split(" ").map(Number);
  const place = figure.querySelector("div");
  place.replaceChildren();
  figure.hidden = false;
  const bars = columns.map((column, number) => ({
    label: table.tHead.rows[0].cells[column + 1].textContent,
    fill: colour(COLOURS[number]),
    stroke: colour(COLOURS[number]),
    width: 0,
    // Side by side: each series has its own part of the step.
    paths: uPlot.paths.bars({ size: [0.7 / columns.length, 60], align: columns.length === 1 ? 0 : number ? 1 : -1 }),
    points: { show: false },
  }));
  const digits = new Intl.NumberFormat(document.documentElement.lang);
  new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      padding: [12, 8, 0, 0],
      cursor: { show: false },
      legend: { show: columns.length > 1, live: false },
      scales: {
        x: { time: false, range: [-0.6, names.length - 0.4] },
        y: { range: (plot, least, most) => [Math.min(0, least), Math.max(most, least + 1) * 1.08] },
      },
      axes: [
        axis({
          grid: { show: false },
          incrs: [1, 2, 3, 6, 12],
          space: 56,
          values: (plot, at) => at.map((one) => (Number.isInteger(one) ? names[one] ?? "" : "")),
        }),
        axis({ size: 64, values: (plot, at) => at.map((one) => digits.format(one)) }),
      ],
      series: [{}, ...bars],
    },
    [names.map((_, number) => number), ...columns.map((column) => columnOf(rows, column))],
    place,
  );
}

function drawAll() {
  for (const figure of document.querySelectorAll("figure.drawn")) {
    draw(figure);
  }
}

let width = 0;
new ResizeObserver(() => {
  if (document.documentElement.clientWidth !== width) {
    width = document.documentElement.clientWidth;
    drawAll();
  }
}).observe(document.documentElement);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
