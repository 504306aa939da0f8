// The network map: sites as columns, Purdue levels as rows, a box for each zone. The server has placed everything; this draws it.
import type { Island } from "./app";
import { picks } from "./picks";
import { type Theme, FONT, facts, fitted, sized, theme, widthOf, wrapped } from "./theme";

interface Box { ref: string; label: string; x: number; y: number; w: number; h: number }
interface Level { label: string; y: number; h: number; x: number; w: number }
interface Zone { id: string; site: string; purdue: number; assets: number; state: string; abnormal: number; contained: number }
interface Line {
  start: string; end: string; kind: "conduit" | "path" | "goods";
  state: string; label: string; step: number; rerouted: boolean; now: number; usual: number;
}
interface Facts {
  layout: { width: number; height: number; sites: Box[]; levels: Level[]; zones: Box[]; nodes: Box[] };
  zones: Record<string, Zone>;
  nodes: Record<string, string>;
  lines: Line[];
  conduits: [string, string, string][];
}
interface Curve { from: [number, number]; c1: [number, number]; c2: [number, number]; to: [number, number] }

const BELOW = 46; // room for the goods' arcs under the last row

export function networkMap(canvas: HTMLCanvasElement): Island {
  const note = document.querySelector<HTMLElement>("#map-note")!;
  let known: Facts | undefined;
  let selected = "";
  const picked = picks(canvas);

  function draw(): void {
    if (!known) return;
    const boxes = new Map(known.layout.nodes.map((box) => [box.ref, box]));
    const lowest = Math.max(...known.layout.nodes.map((box) => box.y));
    const arcs = known.lines.some((line) => line.kind === "goods" && sameRow(line, boxes) && boxes.get(line.start)?.y === lowest);
    picture(sized(canvas, known.layout.width, known.layout.height + (arcs ? BELOW : 4)), known, selected, picked?.chosen() ?? new Set(), theme());
    const zones = Object.values(known.zones);
    canvas.dataset["drawn"] = String(zones.length);
    if (picked) canvas.dataset["chosen"] = String(picked.chosen().size);
    canvas.dataset["rerouted"] = String(known.lines.filter((line) => line.kind === "goods" && line.rerouted).length);
    canvas.dataset["contained"] = String(
      zones.filter((zone) => zone.state === "contained").length + zones.reduce((sum, zone) => sum + zone.contained, 0)
      + known.lines.filter((line) => line.kind === "conduit" && line.state === "contained").length);
    canvas.dataset["abnormal"] = String(zones.filter((zone) => zone.state === "abnormal" || zone.abnormal > 0).length);
  }
  async function refresh(): Promise<void> {
    known = await facts<Facts>(`${canvas.dataset["src"]}?width=${Math.max(100, await widthOf(canvas.parentElement!))}`);
    draw();
    tell();
  }
  function boxAt(event: MouseEvent, boxes: Box[]): string {
    const x = event.offsetX, y = event.offsetY;
    return boxes.find((box) => x >= box.x && x <= box.x + box.w && y >= box.y && y <= box.y + box.h)?.ref ?? "";
  }
  const zoneAt = (event: MouseEvent): string => boxAt(event, known?.layout.zones ?? []);
  function tell(): void {
    const zone = known?.zones[selected];
    if (!zone) { note.replaceChildren(); return; }
    const link = document.createElement("a");
    link.href = `/zone/${encodeURIComponent(zone.id)}`;
    link.textContent = `Open zone ${zone.id}`;
    note.replaceChildren(`${summary(zone)}. Its conduits are drawn. `, link);
  }
  canvas.addEventListener("click", (event) => {
    if (picked) { picked.toggle(zoneAt(event) || boxAt(event, known?.layout.nodes ?? [])); return; }
    selected = zoneAt(event);
    draw();
    tell();
  });
  canvas.addEventListener("mousemove", (event) => {
    const zone = known?.zones[zoneAt(event)];
    canvas.title = zone ? summary(zone) : "";
    canvas.classList.toggle("over", zone !== undefined);
  });
  return { refresh, draw };
}

function summary(zone: Zone): string {
  const parts = [`${zone.id}: ${zone.assets} assets`];
  if (zone.state) parts.push(`zone ${zone.state}`);
  if (zone.abnormal) parts.push(`${zone.abnormal} abnormal`);
  if (zone.contained) parts.push(`${zone.contained} contained`);
  return parts.join(", ");
}

function picture(ctx: CanvasRenderingContext2D, known: Facts, selected: string, chosen: Set<string>, colours: Theme): void {
  const boxes = new Map([...known.layout.zones, ...known.layout.nodes].map((box) => [box.ref, box]));
  blocks(ctx, known, colours);
  const goods = known.lines.filter((line) => line.kind === "goods");
  for (const line of goods.filter((line) => !line.rerouted && sameRow(line, boxes))) goodsLine(ctx, line, boxes, colours);
  if (selected) selectedConduits(ctx, known, selected, boxes, colours);
  const marks = known.lines.filter((line) => line.kind !== "goods");
  for (const line of marks) between(ctx, line, boxes, colours);
  for (const line of goods.filter((line) => line.rerouted)) goodsLine(ctx, line, boxes, colours);
  for (const box of known.layout.zones) zoneBox(ctx, box, known.zones[box.ref]!, box.ref === selected, colours);
  for (const box of known.layout.nodes) nodeBox(ctx, box, known.nodes[box.ref] ?? "", colours);
  for (const box of boxes.values()) if (chosen.has(box.ref)) chosenBox(ctx, box, colours);
  for (const line of marks) badge(ctx, line, boxes, colours);
}

function blocks(ctx: CanvasRenderingContext2D, known: Facts, colours: Theme): void {
  for (const site of known.layout.sites) {
    ctx.fillStyle = colours.block;
    ctx.fillRect(site.x, site.y, site.w, site.h);
    ctx.fillStyle = colours.ink;
    ctx.font = `600 14px ${FONT}`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    wrapped(ctx, site.label, site.w - 16).forEach((line, at, all) => ctx.fillText(line, site.x + 8, site.y + (all.length > 1 ? 13 : 21) + at * 17));
  }
  for (const level of known.layout.levels) {
    ctx.strokeStyle = colours.faint;
    ctx.lineWidth = 1;
    ctx.beginPath(); ctx.moveTo(level.x, level.y); ctx.lineTo(level.x + level.w, level.y); ctx.stroke();
    ctx.fillStyle = colours.quiet;
    ctx.font = `13px ${FONT}`;
    ctx.textAlign = "left";
    ctx.fillText(level.label === "goods" ? "◇" : `L${level.label}`, level.x, level.y + 24);
  }
}

function zoneBox(ctx: CanvasRenderingContext2D, box: Box, zone: Zone, selected: boolean, colours: Theme): void {
  const contained = zone.state === "contained";
  const alarmed = zone.state === "abnormal" || zone.abnormal > 0;
  ctx.fillStyle = contained ? colours["contain-soft"] : alarmed ? colours["alarm-soft"] : colours.box;
  ctx.fillRect(box.x, box.y, box.w, box.h);
  const colour = contained || (!alarmed && zone.contained > 0) ? colours.contain : alarmed ? colours.alarm : colours.line;
  frame(ctx, box, colour, contained ? 3 : alarmed || zone.contained ? 2 : 1);
  if (contained) frame(ctx, { ...box, x: box.x + 4, y: box.y + 4, w: box.w - 8, h: box.h - 8 }, colour, 1); // closed in, twice
  if (selected) frame(ctx, { ...box, x: box.x - 3, y: box.y - 3, w: box.w + 6, h: box.h + 6 }, colours.ink, 2);
  const marks = [contained ? "■" : zone.contained ? `■${zone.contained}` : "", alarmed ? `▲${zone.abnormal || ""}` : ""].filter(Boolean);
  ctx.font = `600 13px ${FONT}`;
  ctx.textAlign = "right";
  let right = box.x + box.w - 8;
  for (const mark of marks) {
    ctx.fillStyle = mark.startsWith("■") ? colours.contain : colours.alarm;
    ctx.fillText(mark, right, box.y + box.h - 12);
    right -= ctx.measureText(mark).width + 6;
  }
  ctx.textAlign = "left";
  ctx.fillStyle = colours.ink;
  ctx.font = `${alarmed || contained ? 600 : 400} 14px ${FONT}`;
  ctx.fillText(fitted(ctx, box.label, box.w - 14), box.x + 8, box.y + 13);
  ctx.fillStyle = colours.quiet;
  ctx.font = `13px ${FONT}`;
  ctx.fillText(fitted(ctx, `${zone.assets} assets`, right - box.x - 8), box.x + 8, box.y + box.h - 12);
}

function nodeBox(ctx: CanvasRenderingContext2D, box: Box, state: string, colours: Theme): void {
  const colour = state === "lost" ? colours.alarm : state === "degraded" ? colours.warn : state === "contained" ? colours.contain : colours.line;
  ctx.fillStyle = colours.box;
  ctx.beginPath(); ctx.roundRect(box.x, box.y, box.w, box.h, 20); ctx.fill();
  ctx.strokeStyle = colour;
  ctx.lineWidth = state ? 3 : 1;
  ctx.stroke();
  ctx.fillStyle = colours.ink;
  ctx.font = `${state ? 600 : 400} 14px ${FONT}`;
  ctx.textAlign = "center";
  const text = state ? `${{ lost: "✕", degraded: "◐", contained: "■" }[state] ?? "▲"} ${box.label}` : box.label;
  ctx.fillText(fitted(ctx, text, box.w - 20), box.x + box.w / 2, box.y + box.h / 2);
}

/** What is closed in a what-if: framed and crossed, so that it is told without a colour. */
function chosenBox(ctx: CanvasRenderingContext2D, box: Box, colours: Theme): void {
  frame(ctx, { ...box, x: box.x - 2, y: box.y - 2, w: box.w + 4, h: box.h + 4 }, colours.alarm, 3);
  ctx.fillStyle = colours.alarm;
  ctx.font = `700 16px ${FONT}`;
  ctx.textAlign = "right";
  ctx.fillText("✕", box.x + box.w - 7, box.y + 14);
}

function frame(ctx: CanvasRenderingContext2D, box: Box, colour: string, width: number): void {
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.strokeRect(box.x + 0.5, box.y + 0.5, box.w - 1, box.h - 1);
}

/** Ordinary goods between two rows would cross everything; the map of lanes has them all. */
function sameRow(line: Line, boxes: Map<string, Box>): boolean {
  return boxes.get(line.start)?.y === boxes.get(line.end)?.y;
}

/** From the lower edge of one node to that of the other, dipping under the row; nearer for neighbours. */
function goodsLine(ctx: CanvasRenderingContext2D, line: Line, boxes: Map<string, Box>, colours: Theme): void {
  const a = boxes.get(line.start), b = boxes.get(line.end);
  if (!a || !b) return;
  const from: [number, number] = [a.x + a.w / 2 + 10, a.y + a.h], to: [number, number] = [b.x + b.w / 2 - 10, b.y + b.h];
  const down = to[1] > from[1] + 1 && b.y > a.y;
  if (down) to[1] = b.y; // into the row below from above
  const dip = Math.min(BELOW + 4, 18 + Math.abs(to[0] - from[0]) / 14);
  const curve: Curve = { from, c1: [from[0], from[1] + dip], c2: [to[0], to[1] + (down ? -dip : dip)], to };
  const less = line.rerouted && line.now < line.usual;
  ctx.setLineDash(less ? [5, 5] : []);
  stroke(ctx, curve, line.rerouted ? colours.reroute : colours.line, line.rerouted ? (less ? 2 : 3) : 1);
  ctx.setLineDash([]);
  if (!line.rerouted) return;
  arrow(ctx, curve.c2, to, colours.reroute);
}

/** From side to side: neighbours face each other, boxes of one column bulge out to the right. */
function sideways(a: Box, b: Box): Curve {
  const column = Math.abs(a.x - b.x) < 1;
  const rightwards = b.x > a.x;
  const from: [number, number] = [column || rightwards ? a.x + a.w : a.x, a.y + a.h / 2];
  const to: [number, number] = [column ? b.x + b.w : rightwards ? b.x : b.x + b.w, b.y + b.h / 2];
  const reach = column ? 12 : Math.max(14, Math.abs(to[0] - from[0]) / 2);
  const away = column || rightwards ? 1 : -1;
  return { from, c1: [from[0] + away * reach, from[1]], c2: [to[0] + (column ? reach : -away * reach), to[1]], to };
}

function between(ctx: CanvasRenderingContext2D, line: Line, boxes: Map<string, Box>, colours: Theme): void {
  const a = boxes.get(line.start), b = boxes.get(line.end);
  if (!a || !b) return;
  const curve = sideways(a, b);
  ctx.setLineDash(line.kind === "path" ? [2, 4] : []);
  stroke(ctx, curve, line.state === "contained" ? colours.contain : colours.alarm, 2);
  ctx.setLineDash([]);
  if (line.kind === "path") arrow(ctx, curve.c2, curve.to, colours.alarm);
}

/** The number of a step of the path, or the sign of a closed conduit, over everything else. */
function badge(ctx: CanvasRenderingContext2D, line: Line, boxes: Map<string, Box>, colours: Theme): void {
  const a = boxes.get(line.start), b = boxes.get(line.end);
  if (!a || !b) return;
  const [x, y] = along(sideways(a, b), line.kind === "path" ? 0.5 : 0.8);
  const colour = line.state === "contained" ? colours.contain : colours.alarm;
  ctx.fillStyle = line.kind === "path" ? colour : colours.paper;
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2;
  ctx.beginPath();
  if (line.kind === "path") ctx.arc(x, y, 9, 0, 2 * Math.PI);
  else ctx.rect(x - 8, y - 8, 16, 16);
  ctx.fill(); ctx.stroke();
  ctx.fillStyle = line.kind === "path" ? colours.paper : colour;
  ctx.font = `700 13px ${FONT}`;
  ctx.textAlign = "center";
  ctx.fillText(line.kind === "path" ? String(line.step) : line.state === "contained" ? "■" : "▲", x, y + 0.5);
}

function selectedConduits(ctx: CanvasRenderingContext2D, known: Facts, zone: string, boxes: Map<string, Box>, colours: Theme): void {
  for (const [, start, end] of known.conduits) {
    const a = boxes.get(start), b = boxes.get(end);
    if (a && b && start !== end && (start === zone || end === zone)) stroke(ctx, sideways(a, b), colours.quiet, 2);
  }
}

function stroke(ctx: CanvasRenderingContext2D, curve: Curve, colour: string, width: number): void {
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.beginPath();
  ctx.moveTo(...curve.from);
  ctx.bezierCurveTo(...curve.c1, ...curve.c2, ...curve.to);
  ctx.stroke();
}

/** The point of a cubic Bézier curve at `t`, 0–1. */
function along({ from, c1, c2, to }: Curve, t: number): [number, number] {
  const s = 1 - t;
  const at = (axis: 0 | 1): number => s ** 3 * from[axis] + 3 * s * s * t * c1[axis] + 3 * s * t * t * c2[axis] + t ** 3 * to[axis];
  return [at(0), at(1)];
}

export function arrow(ctx: CanvasRenderingContext2D, from: [number, number], to: [number, number], colour: string, size = 9): void {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  ctx.fillStyle = colour;
  ctx.beginPath();
  ctx.moveTo(...to);
  ctx.lineTo(to[0] - size * Math.cos(angle - 0.45), to[1] - size * Math.sin(angle - 0.45));
  ctx.lineTo(to[0] - size * Math.cos(angle + 0.45), to[1] - size * Math.sin(angle + 0.45));
  ctx.fill();
}
