// Pattern-of-life charts: a signal against the band it was learnt to keep to, alarms marked with a triangle.
import uPlot from "uplot";
import type { Island } from "./app";
import { type Theme, FONT, facts, theme } from "./theme";

type Reading = number | null;
interface Band { times: number[]; values: Reading[]; low: Reading[]; mid: Reading[]; high: Reading[]; alarms: number[] }

const HEIGHT = 190;
const charts = new Map<HTMLElement, { plot: uPlot; band: Band }>();

/** All `.chart` elements of the page, also those that come with a later refresh. */
export function bandCharts(): Island {
  async function refresh(): Promise<void> {
    for (const element of charts.keys()) if (!element.isConnected) { charts.get(element)!.plot.destroy(); charts.delete(element); }
    for (const element of document.querySelectorAll<HTMLElement>(".chart")) place(element, await facts<Band>(element.dataset["src"]!));
  }
  function draw(): void {
    for (const [element, { band }] of charts) place(element, band);
  }
  return { refresh, draw };
}

function place(element: HTMLElement, band: Band): void {
  charts.get(element)?.plot.destroy();
  const plot = new uPlot(options(element, band, theme()), columns(band), element);
  charts.set(element, { plot, band });
  element.dataset["drawn"] = String(band.times.length);
  element.dataset["alarms"] = String(band.alarms.length);
}

function columns(band: Band): uPlot.AlignedData {
  const alarmed: Reading[] = band.times.map(() => null);
  for (const index of band.alarms) alarmed[index] = band.values[index] ?? null;
  return [band.times.map((time) => time / 1e6), band.low, band.high, band.mid, band.values, alarmed];
}

function options(element: HTMLElement, band: Band, colours: Theme): uPlot.Options {
  const zone = element.dataset["zone"] || "UTC";
  const axis: uPlot.Axis = {
    stroke: colours.quiet, font: `13px ${FONT}`, grid: { stroke: colours.faint, width: 1 }, ticks: { stroke: colours.faint, width: 1 },
  };
  return {
    width: Math.floor(element.clientWidth), height: HEIGHT, legend: { show: false }, cursor: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    scales: { x: { time: true } },
    axes: [
      { ...axis, space: 70, values: (_, ticks) => ticks.map((tick) => clock(tick, zone)) },
      { ...axis, size: 62 },
    ],
    series: [
      {},
      { stroke: colours.line, width: 1, points: { show: false } },
      { stroke: colours.line, width: 1, points: { show: false } },
      { stroke: colours.line, width: 1, dash: [2, 4], points: { show: false } },
      { stroke: colours.ink, width: 1.5, points: { show: false } },
      { stroke: colours.alarm, width: 0, paths: () => null, points: { show: (plot, series) => triangles(plot, series, band, colours) } },
    ],
    bands: [{ series: [2, 1], fill: colours.land }],
  };
}

function clock(seconds: number, timeZone: string): string {
  const text = new Date(seconds * 1000).toLocaleTimeString("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" });
  return text === "00:00" ? new Date(seconds * 1000).toLocaleDateString("en-GB", { timeZone, weekday: "short", day: "numeric" }) : text;
}

/** A triangle at each alarmed reading: found without its colour. Answers false, so that uPlot draws no dots of its own. */
function triangles(plot: uPlot, series: number, band: Band, colours: Theme): boolean {
  const { ctx } = plot, ratio = devicePixelRatio || 1, size = 4.5 * ratio;
  ctx.save();
  ctx.fillStyle = colours.alarm;
  for (const index of band.alarms) {
    const value = plot.data[series]?.[index];
    if (value == null) continue;
    const x = plot.valToPos(plot.data[0][index]!, "x", true), y = plot.valToPos(value, "y", true);
    ctx.beginPath();
    ctx.moveTo(x, y - size); ctx.lineTo(x + size, y + size); ctx.lineTo(x - size, y + size);
    ctx.fill();
  }
  ctx.restore();
  return false;
}
