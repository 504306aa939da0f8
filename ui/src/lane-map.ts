// The map of lanes: where goods flow, and which lanes a re-route has changed. Ordinary lanes are thin and grey.
import { type GeoProjection, geoInterpolate, geoMercator, geoNaturalEarth1, geoPath } from "d3-geo";
import { feature, mesh } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import type { Island } from "./app";
import { arrow } from "./network-map";
import { picks } from "./picks";
import { type Theme, FONT, facts, fitted, sized, theme, widthOf } from "./theme";

interface Place { id: string; name: string; kind: string; lat: number; lon: number; state: string }
interface Lane { id: string; start: string; end: string; usual: number; now: number; rerouted: boolean; state: string }
interface Facts { places: Place[]; lanes: Lane[] }
type World = Topology<{ countries: GeometryCollection }>;
type Point = [number, number];

const WIDE = 100; // degrees of longitude beyond which the whole world is drawn
const NEAR = 14; // pixels around a place within which a click means it
const MARGIN = 1.2; // degrees around a network of one town

export function laneMap(canvas: HTMLCanvasElement): Island {
  let known: Facts | undefined;
  let world: World | undefined;
  const picked = picks(canvas);

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
    await widthOf(canvas.parentElement!);
    draw();
  }
  /** The place under the pointer that may be chosen. */
  function placeAt(event: MouseEvent): Place | undefined {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!known?.places.length || !picked) return undefined;
    const projection = fittedProjection(known.places, width, height);
    const away = (place: Place): number => {
      const [x, y] = spot(place, projection, width, height).at;
      return Math.hypot(x - event.offsetX, y - event.offsetY);
    };
    const near = known.places.filter((place) => picked.offers(`node:${place.id}`) && away(place) <= NEAR);
    return near.sort((a, b) => away(a) - away(b))[0];
  }
  if (picked) {
    canvas.addEventListener("click", (event) => { const place = placeAt(event); if (place) picked.toggle(`node:${place.id}`); });
    canvas.addEventListener("mousemove", (event) => {
      const place = placeAt(event);
      canvas.title = place ? `${place.name} (${place.id}): ${picked.chosen().has(`node:${place.id}`) ? "open again" : "close"}` : "";
      canvas.classList.toggle("over", place !== undefined);
    });
  }
  return { refresh, draw };
}

/** Fits plants, centres and customers; a supplier far away would shrink all of them to a spot, and is shown at the edge instead. */
function fittedProjection(all: Place[], width: number, height: number): GeoProjection {
  const core = all.filter((place) => place.kind !== "supplier");
  const places = core.length ? core : all;
  const points: Point[] = places.flatMap(({ lon, lat }) => [[lon - MARGIN, lat - MARGIN / 2], [lon + MARGIN, lat + MARGIN / 2]] as Point[]);
  const lons = places.map((place) => place.lon);
  const projection = Math.max(...lons) - Math.min(...lons) > WIDE ? geoNaturalEarth1() : geoMercator();
  return projection.fitExtent([[40, 34], [width - 40, height - 34]], { type: "MultiPoint", coordinates: points });
}

interface Spot { at: Point; outside: boolean }

/** Where a place is drawn: at its own point, or at the edge of the map on the way to it. */
function spot(place: Place, projection: GeoProjection, width: number, height: number): Spot {
  const [x, y] = projection([place.lon, place.lat]) ?? [width / 2, height / 2];
  const dx = x - width / 2, dy = y - height / 2;
  const over = Math.max(Math.abs(dx) / (width / 2 - 12), Math.abs(dy) / (height / 2 - 12));
  return over <= 1 ? { at: [x, y], outside: false } : { at: [width / 2 + dx / over, height / 2 + dy / over], outside: true };
}

function picture(ctx: CanvasRenderingContext2D, known: Facts, world: World, width: number, height: number, colours: Theme): void {
  if (!known.places.length) return;
  const projection = fittedProjection(known.places, width, height);
  const path = geoPath(projection, ctx);
  ctx.beginPath(); path(feature(world, world.objects.countries)); ctx.fillStyle = colours.land; ctx.fill();
  ctx.beginPath(); path(mesh(world, world.objects.countries)); ctx.strokeStyle = colours.faint; ctx.lineWidth = 1; ctx.stroke();
  const at = new Map(known.places.map((place) => [place.id, place]));
  const spots = new Map(known.places.map((place) => [place.id, spot(place, projection, width, height)]));
  for (const lane of [...known.lanes].sort((a, b) => Number(a.rerouted) - Number(b.rerouted))) {
    const a = at.get(lane.start), b = at.get(lane.end);
    if (a && b) laneLine(ctx, lane, a, b, spots, projection, colours);
  }
  marks(ctx, known.places, spots, colours);
  labels(ctx, known, spots, width, height, colours);
}

function laneLine(
  ctx: CanvasRenderingContext2D, lane: Lane, a: Place, b: Place, spots: Map<string, Spot>, projection: GeoProjection, colours: Theme,
): void {
  const from = spots.get(a.id)!, to = spots.get(b.id)!;
  const straight = from.outside || to.outside;
  const arc = { type: "LineString" as const, coordinates: [[a.lon, a.lat], [b.lon, b.lat]] };
  const path = geoPath(projection, ctx);
  const trace = (): void => {
    ctx.beginPath();
    if (straight) { ctx.moveTo(...from.at); ctx.lineTo(...to.at); } else path(arc);
  };
  const less = lane.rerouted && lane.now < lane.usual;
  const closed = lane.state === "contained" || lane.state === "lost";
  const colour = lane.rerouted ? colours.reroute : closed ? colours.alarm : colours.line;
  if (lane.rerouted && !less) {
    trace(); ctx.strokeStyle = colours.paper; ctx.lineWidth = 6; ctx.stroke(); // sets it off from what it crosses
  }
  ctx.setLineDash(less || closed ? [5, 5] : []);
  ctx.globalAlpha = b.kind === "customer" && !lane.rerouted && !closed ? 0.45 : 1; // the last mile is many and rarely the point
  trace();
  ctx.strokeStyle = colour;
  ctx.lineWidth = lane.rerouted ? (less ? 2 : 3.5) : closed ? 2 : 1;
  ctx.stroke();
  ctx.globalAlpha = 1;
  ctx.setLineDash([]);
  if (lane.rerouted && !less) {
    const along = geoInterpolate([a.lon, a.lat], [b.lon, b.lat]);
    const point = (t: number): Point =>
      straight ? [from.at[0] + (to.at[0] - from.at[0]) * t, from.at[1] + (to.at[1] - from.at[1]) * t] : projection(along(t))!;
    if (Math.hypot(to.at[0] - from.at[0], to.at[1] - from.at[1]) > 30) arrow(ctx, point(0.55), point(0.62), colour, 12);
  }
}

function marks(ctx: CanvasRenderingContext2D, places: Place[], spots: Map<string, Spot>, colours: Theme): void {
  const rank: Record<string, number> = { customer: 0, supplier: 1, dc: 2, plant: 3 };
  for (const place of [...places].sort((a, b) => (rank[a.kind] ?? 0) - (rank[b.kind] ?? 0))) {
    const [x, y] = spots.get(place.id)!.at;
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

/** Plants and distribution centres by name, what lies outside of the map, and whatever is not as usual; a name that would cover another is left out. */
function labels(ctx: CanvasRenderingContext2D, known: Facts, spots: Map<string, Spot>, width: number, height: number, colours: Theme): void {
  const taken: [number, number, number, number][] = [];
  const wanted = known.places.filter((place) => place.state || place.kind === "plant" || place.kind === "dc" || spots.get(place.id)!.outside);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const place of wanted.sort((a, b) => Number(Boolean(b.state)) - Number(Boolean(a.state)) || (a.kind < b.kind ? 1 : -1))) {
    const { at: [x, y], outside } = spots.get(place.id)!;
    ctx.font = `${place.state ? 600 : 400} 13px ${FONT}`;
    const mark = { lost: "✕ ", degraded: "◐ ", contained: "■ ", abnormal: "▲ " }[place.state] ?? "";
    const text = fitted(ctx, mark + place.name, 150) + (outside ? " (off the map)" : "");
    const wide = ctx.measureText(text).width;
    const free: Point[] = [[x + 11, y], [x - 11 - wide, y], [x - wide / 2, y - 17], [x - wide / 2, y + 17]];
    const chosen = free.find(([left, mid]) => left > 2 && left + wide < width - 2 && mid > 9 && mid < height - 9
      && !taken.some(([l, t, r, b]) => left < r && left + wide > l && mid - 8 < b && mid + 8 > t));
    if (!chosen) continue;
    taken.push([chosen[0], chosen[1] - 8, chosen[0] + wide, chosen[1] + 8]);
    ctx.strokeStyle = colours.paper; // a halo keeps names legible over lanes
    ctx.lineWidth = 4;
    ctx.lineJoin = "round";
    ctx.strokeText(text, ...chosen);
    ctx.fillStyle = colours.ink;
    ctx.fillText(text, ...chosen);
  }
}

function polygon(ctx: CanvasRenderingContext2D, points: Point[]): void {
  points.forEach(([x, y], index) => (index ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  ctx.closePath();
}
