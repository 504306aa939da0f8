// Choosing on a map: a click on a thing ticks its box in a form and sends the form. The boxes alone do the same without a map.

export interface Picks {
  chosen(): Set<string>; // references whose boxes are ticked
  offers(ref: string): boolean;
  toggle(ref: string): void;
}

/** The boxes of the form that the canvas names in `data-pick`; undefined where nothing is chosen on it. */
export function picks(canvas: HTMLCanvasElement): Picks | undefined {
  const form = document.getElementById(canvas.dataset["pick"] ?? "");
  if (!(form instanceof HTMLFormElement)) return undefined;
  const boxes = (): HTMLInputElement[] => [...form.querySelectorAll<HTMLInputElement>("input[name='close']")];
  return {
    chosen: () => new Set(boxes().filter((box) => box.checked).map((box) => box.value)),
    offers: (ref) => boxes().some((box) => box.value === ref),
    toggle: (ref) => {
      const box = boxes().find((each) => each.value === ref);
      if (!box) return;
      box.checked = !box.checked;
      form.action = `${location.pathname}#${canvas.closest("section")?.getAttribute("aria-labelledby") ?? ""}`; // stay where one looks
      form.requestSubmit();
    },
  };
}

/** A page that waits for something being computed asks for itself again. */
export function askAgain(): void {
  const waiting = document.querySelector<HTMLElement>("[data-again]");
  if (waiting) window.setTimeout(() => location.reload(), 1000 * Number(waiting.dataset["again"]));
}
