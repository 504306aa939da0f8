// Counts down what the server has written as a duration; with a simulated clock, at that clock's speed.
const seen = new WeakMap<Element, { now: string; at: number }>();

/** The same words as `figures.duration` on the server. */
export function duration(seconds: number): string {
  const left = Math.max(0, Math.round(seconds));
  if (left < 60) return `${left} s`;
  if (left < 600) return left % 60 ? `${Math.floor(left / 60)} min ${left % 60} s` : `${left / 60} min`;
  if (left < 7200) return `${Math.round(left / 60)} min`;
  if (left < 48 * 3600) return `${Math.round(left / 3600)} h`;
  const hours = Math.round(left / 3600);
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
}

function tick(): void {
  for (const element of document.querySelectorAll<HTMLElement>(".countdown")) {
    const { now = "0", until = "0", speed = "1" } = element.dataset;
    let start = seen.get(element);
    if (start?.now !== now) seen.set(element, (start = { now, at: performance.now() }));
    const passed = ((performance.now() - start.at) / 1000) * Number(speed);
    const text = duration((Number(until) - Number(now)) / 1e6 - passed);
    if (element.textContent !== text) element.textContent = text;
  }
}

export function countdowns(): void {
  tick();
  window.setInterval(tick, 500);
}
