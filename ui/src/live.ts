// The line to the server: on a new version the page fetches itself anew and is morphed; says so when the line is lost.
import { leaving } from "./theme";

const AT_MOST_EVERY = 1000; // ms between two refreshes
const SILENT_AFTER = 25_000; // ms without a sign of life
const AGAIN_AFTER = 3000;

export function live(refreshIslands: () => Promise<void>): void {
  const page = document.querySelector<HTMLElement>("#live[data-live]");
  const line = document.querySelector<HTMLElement>("#line");
  if (!page || !line) return;
  let source: EventSource | undefined;
  let shown: string | undefined; // the version this page shows
  let heard = Date.now();
  let last = 0;
  let planned: number | undefined;

  function refresh(): void {
    planned = undefined;
    if (leaving.signal.aborted) return;
    last = Date.now();
    document.querySelector("#live")?.dispatchEvent(new CustomEvent("refresh"));
    void refreshIslands();
  }
  function changed(version: string): void {
    if (version === shown) return; // the first one told always counts: the page was rendered before the line stood
    shown = version;
    planned ??= window.setTimeout(refresh, Math.max(0, last + AT_MOST_EVERY - Date.now()));
  }
  function lost(): void {
    if (!line!.hidden) return;
    const since = new Date(heard);
    line!.textContent = `▲ Connection lost since ${since.toLocaleTimeString([], { hour12: false })}; trying again. What you see may be old.`;
    line!.hidden = false;
  }
  function alive(): void {
    heard = Date.now();
    line!.hidden = true;
    line!.textContent = "";
  }
  function open(): void {
    source?.close();
    if (leaving.signal.aborted) return;
    source = new EventSource("/events");
    source.onopen = alive;
    source.addEventListener("version", (event) => { alive(); changed(event.data as string); });
    source.addEventListener("beat", alive);
    source.addEventListener("login", () => location.assign("/login"));
    source.onerror = lost;
  }
  // a browser opens six connections to one server: a hidden page gives its own back
  document.addEventListener("visibilitychange", () => (document.hidden ? source?.close() : open()));
  // logging out: nothing may still be asked with the session that ends
  document.querySelector("form[action='/logout']")?.addEventListener("submit", () => {
    leaving.abort();
    source?.close();
    document.querySelector("#live")?.dispatchEvent(new CustomEvent("htmx:abort"));
  });
  window.addEventListener("pagehide", () => source?.close());
  window.setInterval(() => {
    if (document.hidden) return;
    if (Date.now() - heard > SILENT_AFTER) lost();
    if (source?.readyState === EventSource.CLOSED || Date.now() - heard > SILENT_AFTER) open();
  }, AGAIN_AFTER);
  open();
}
