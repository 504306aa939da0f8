// The map of lanes: where goods flow, and which lanes a re-route has changed. Ordinary lanes are thin and grey.
import { type GeoProjection, geoMercator, geoNaturalEarth1, geoPath } from "d3-geo";
import { feature, mesh } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import type { Island } from "./app";
import { arrow } from "./network-map";
import { type Theme, FONT, facts, fitted, sized, theme } from "./theme";

interface Place { id: string; name: string; kind: string; lat: number; lon: number; state: string }
interface Lane { id: string; start: string; end: string; usual: number; now: number; rerouted: boolean; state: string }
interface Facts { places: Place[]; lanes: Lane[] }
type World = Topology<{ countries: GeometryCollection }>;
type Point = [number, number];

const WIDE = 100; // degrees of longitude beyond which the whole world is drawn
const MARGIN = 1.2; // degrees around a network of one town

export function laneMap(canvas: HTMLCanvasElement): Island {
  let known: Facts | undefined;
  let world: World | undefined;

  function draw(): void {
    if (!known || !world) return;
    const width = Math.floor(canvas.parentElement!.clientWidth);
    const height = Math.round(Math.min(520, Math.max(260, width * 0.62)));
    picture(sized(canvas, width, height), known, world, width, height, theme());
    canvas.dataset["drawn"] = String(known.lanes.length);
    canvas.dataset["rerouted"] = String(known.lanes.filter((lane) => lane.rerouted).length);
  }
  async function refresh(): Promise<void> {
    world ??= await facts<World>("/static/world.json");
    known = await facts<Facts>(canvas.dataset["src"]!);
    draw();
  }
  return { refresh, draw };
}

function fittedProjection(places: Place[], width: number, height: number): GeoProjection {
  const points: Point[] = places.flatMap(({ lon, lat }) => [[lon - MARGIN, lat - MARGIN / 2], [lon + MARGIN, lat + MARGIN / 2]] as Point[]);
  const lons = places.map((place) => place.lon);
  const projection = Math.max(...lons) - Math.min(...lons) > WIDE ? geoNaturalEarth1() : geoMercator();
  return projection.fitExtent([[24, 18], [width - 24, height - 18]], { type: "MultiPoint", coordinates: points });
}

function picture(ctx: CanvasRenderingContext2D, known: Facts, world: World, width: number, height: number, colours: Theme): void {
  if (!known.places.length) return;
  const projection = fittedProjection(known.places, width, height);
  const path = geoPath(projection, ctx);
  ctx.beginPath(); path(feature(world, world.objects.countries)); ctx.fillStyle = colours.land; ctx.fill();
  ctx.beginPath(); path(mesh(world, world.objects.countries)); ctx.strokeStyle = colours.faint; ctx.lineWidth = 1; ctx.stroke();
  const at = new Map(known.places.map((place) => [place.id, place]));
  for (const lane of [...known.lanes].sort((a, b) => Number(a.rerouted) - Number(b.rerouted))) {
    const a = at.get(lane.start), b = at.get(lane.end);
    if (a && b) laneLine(ctx, lane, a, b, projection, colours);
  }
  marks(ctx, known.places, projection, colours);
  labels(ctx, known, projection, width, colours);
}

function laneLine(ctx: CanvasRenderingContext2D, lane: Lane, a: Place, b: Place, projection: GeoProjection, colours: Theme): void {
  const path = geoPath(projection, ctx);
  const line = { type: "LineString" as const, coordinates: [[a.lon, a.lat], [b.lon, b.lat]] };
  const less = lane.rerouted && lane.now < lane.usual;
  const closed = lane.state === "contained" || lane.state === "lost";
  const colour = lane.rerouted ? colours.reroute : closed ? colours.alarm : colours.line;
  if (lane.rerouted && !less) {
    ctx.beginPath(); path(line); ctx.strokeStyle = colours.paper; ctx.lineWidth = 6; ctx.stroke(); // sets it off from what it crosses
  }
  ctx.setLineDash(less || closed ? [5, 5] : []);
  ctx.globalAlpha = b.kind === "customer" && !lane.rerouted && !closed ? 0.45 : 1; // the last mile is many and rarely the point
  ctx.beginPath(); path(line);
  ctx.strokeStyle = colour;
  ctx.lineWidth = lane.rerouted ? (less ? 2 : 3.5) : closed ? 2 : 1;
  ctx.stroke();
  ctx.globalAlpha = 1;
  ctx.setLineDash([]);
  if (lane.rerouted && !less) {
    const from = projection([a.lon, a.lat])!, to = projection([b.lon, b.lat])!;
    const tip: Point = [from[0] + (to[0] - from[0]) * 0.62, from[1] + (to[1] - from[1]) * 0.62];
    if (Math.hypot(to[0] - from[0], to[1] - from[1]) > 30) arrow(ctx, from, tip, colour, 12);
  }
}

function marks(ctx: CanvasRenderingContext2D, places: Place[], projection: GeoProjection, colours: Theme): void {
  const rank: Record<string, number> = { customer: 0, supplier: 1, dc: 2, plant: 3 };
  for (const place of [...places].sort((a, b) => (rank[a.kind] ?? 0) - (rank[b.kind] ?? 0))) {
    const [x, y] = projection([place.lon, place.lat])!;
    const size = place.kind === "customer" ? 2.5 : place.kind === "supplier" ? 5 : 6.5;
    ctx.beginPath();
    if (place.kind === "plant") ctx.rect(x - size, y - size, 2 * size, 2 * size);
    else if (place.kind === "dc") polygon(ctx, [[x, y - size - 1], [x + size + 1, y], [x, y + size + 1], [x - size - 1, y]]);
    else if (place.kind === "supplier") polygon(ctx, [[x, y - size], [x + size, y + size], [x - size, y + size]]);
    else ctx.arc(x, y, size, 0, 2 * Math.PI);
    ctx.fillStyle = place.state === "lost" ? colours.alarm : place.state === "degraded" ? colours.warn : place.state ? colours.contain : colours.quiet;
    ctx.fill();
    ctx.strokeStyle = colours.paper;
    ctx.lineWidth = 1.5;
    ctx.stroke();
  }
}

/** Plants and distribution centres by name, and whatever is not as usual; a name that would cover another is left out. */
function labels(ctx: CanvasRenderingContext2D, known: Facts, projection: GeoProjection, width: number, colours: Theme): void {
  const taken: [number, number, number, number][] = [];
  const wanted = known.places.filter((place) => place.state || place.kind === "plant" || place.kind === "dc");
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const place of wanted.sort((a, b) => Number(Boolean(b.state)) - Number(Boolean(a.state)) || (a.kind < b.kind ? 1 : -1))) {
    const [x, y] = projection([place.lon, place.lat])!;
    ctx.font = `${place.state ? 600 : 400} 13px ${FONT}`;
    const mark = { lost: "✕ ", degraded: "◐ ", contained: "■ ", abnormal: "▲ " }[place.state] ?? "";
    const text = fitted(ctx, mark + place.name, 150);
    const wide = ctx.measureText(text).width;
    const spots: Point[] = [[x + 11, y], [x - 11 - wide, y], [x - wide / 2, y - 17], [x - wide / 2, y + 17]];
    const spot = spots.find(([left, mid]) => left > 2 && left + wide < width - 2
      && !taken.some(([l, t, r, b]) => left < r && left + wide > l && mid - 8 < b && mid + 8 > t));
    if (!spot) continue;
    taken.push([spot[0], spot[1] - 8, spot[0] + wide, spot[1] + 8]);
    ctx.strokeStyle = colours.paper; // a halo keeps names legible over lanes
    ctx.lineWidth = 4;
    ctx.lineJoin = "round";
    ctx.strokeText(text, ...spot);
    ctx.fillStyle = colours.ink;
    ctx.fillText(text, ...spot);
  }
}

function polygon(ctx: CanvasRenderingContext2D, points: Point[]): void {
  points.forEach(([x, y], index) => (index ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  ctx.closePath();
}
