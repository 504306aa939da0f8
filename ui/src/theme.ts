// The colours of the style sheet, for what is drawn on a canvas.
const NAMES = [
  "paper", "block", "box", "line", "faint", "ink", "quiet", "alarm", "alarm-soft", "contain", "contain-soft", "warn", "reroute", "land",
] as const;

export type Theme = Record<(typeof NAMES)[number], string>;

export function theme(): Theme {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])) as Theme;
}

export const FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif";

/** Sizes a canvas to `width` × `height` CSS pixels at the screen's resolution; answers its context in CSS pixels, cleared. */
export function sized(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const ctx = canvas.getContext("2d")!;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  return ctx;
}

/** Width of the element in pixels, as soon as it has one: while a page is put together or changed its parts may have none. */
export async function widthOf(element: HTMLElement): Promise<number> {
  while (!element.clientWidth) await new Promise(requestAnimationFrame);
  return element.clientWidth;
}

/** The text, shortened with an ellipsis until it fits `width`. */
export function fitted(ctx: CanvasRenderingContext2D, text: string, width: number): string {
  if (ctx.measureText(text).width <= width) return text;
  let short = text;
  while (short.length > 1 && ctx.measureText(`${short}…`).width > width) short = short.slice(0, -1);
  return `${short}…`;
}

/** The text in at most two lines of `width`, broken between words. */
export function wrapped(ctx: CanvasRenderingContext2D, text: string, width: number): string[] {
  if (ctx.measureText(text).width <= width) return [text];
  const words = text.split(" ");
  let count = words.length - 1;
  while (count > 1 && ctx.measureText(words.slice(0, count).join(" ")).width > width) count -= 1;
  return [words.slice(0, count).join(" "), words.slice(count).join(" ")].filter(Boolean).map((line) => fitted(ctx, line, width));
}

/** Aborted when the page is being left for good: what is still asked for would only be refused. */
export const leaving = new AbortController();

/** The facts of an island. Fails when the server does not answer with them. */
export async function facts<T>(url: string): Promise<T> {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, signal: leaving.signal });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return (await answer.json()) as T;
}
