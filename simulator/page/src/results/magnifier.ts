/** Magnifies the images of a stage in place, all alike: wheel and buttons at a point, dragging and keys move it. */

const MOST_PIXELS = 16; // of the screen, for one of the image
const LEAST_MOST = 4; // small images are magnified as they are fitted
const STEP = 1.5;

export class Magnifier {
  zoom = 1;
  x = 0; // px by which the magnified image is moved
  y = 0;

  /** @param stage what the images lie in, one or several beside each other
   * @param fit screen pixels for one of the image that is not magnified
   * @param changed called when it shows another part, or larger or smaller */
  constructor(
    private stage: HTMLElement,
    private fit: () => number,
    private changed: () => void,
  ) {
    stage.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.drag(event));
  }

  magnify(steps: number): void {
    this.set(this.zoom * STEP ** steps, 0, 0);
  }

  /** One of the pictures: all are of one size. */
  private get picture(): Element {
    return this.stage.querySelector(".picture") ?? this.stage;
  }

  reset(): void {
    this.set(1, 0, 0);
  }

  /** Moves by a share of the stage; returns whether there is anything to move. */
  move(right: number, down: number): boolean {
    if (this.zoom <= 1) return false;
    this.place(this.x - right * this.picture.clientWidth, this.y - down * this.picture.clientHeight);
    return true;
  }

  private turn(event: WheelEvent): void {
    if (event.ctrlKey) return; // the browser's own zoom
    event.preventDefault();
    const over = (event.target as Element).closest(".picture") ?? this.picture;
    const box = over.getBoundingClientRect();
    const x = event.clientX - box.left - box.width / 2;
    const y = event.clientY - box.top - box.height / 2;
    this.set(this.zoom * Math.exp(-event.deltaY * 0.002), x, y);
  }

  private drag(event: PointerEvent): void {
    if (this.zoom <= 1 || event.button !== 0) return;
    event.preventDefault(); // no image is dragged out of the page
    this.stage.focus();
    const from = { x: event.clientX - this.x, y: event.clientY - this.y };
    const move = (e: PointerEvent): void => this.place(e.clientX - from.x, e.clientY - from.y);
    this.stage.setPointerCapture(event.pointerId);
    this.stage.addEventListener("pointermove", move);
    this.stage.addEventListener(
      "lostpointercapture",
      () => this.stage.removeEventListener("pointermove", move),
      { once: true },
    );
  }

  /** @param x, y the point, from the middle of its picture, that stays where it is */
  private set(zoom: number, x: number, y: number): void {
    const most = Math.max(LEAST_MOST, MOST_PIXELS / this.fit());
    const next = Math.min(most, Math.max(1, zoom));
    const factor = next / this.zoom;
    this.zoom = next;
    this.stage.classList.toggle("magnified", next > 1);
    this.place(x - (x - this.x) * factor, y - (y - this.y) * factor);
  }

  private place(x: number, y: number): void {
    const room = (size: number): number => (size * (this.zoom - 1)) / 2;
    const within = (at: number, most: number): number => Math.max(-most, Math.min(most, at));
    this.x = within(x, room(this.picture.clientWidth));
    this.y = within(y, room(this.picture.clientHeight));
    this.stage.style.setProperty("--zoom", String(this.zoom));
    this.stage.style.setProperty("--move", `${this.x}px ${this.y}px`);
    this.changed();
  }
}
