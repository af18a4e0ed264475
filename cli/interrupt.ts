/** Ctrl-C asks for a stop; a second one ends the process at once. */
export class Interrupt implements Disposable {
  #asked = false;
  readonly #handler = (): void => {
    if (this.#asked) Deno.exit(130);
    this.#asked = true;
    this.notify();
  };

  /** Listens from now on; `notify` is called at the first Ctrl-C. */
  constructor(private readonly notify: () => void) {
    Deno.addSignalListener("SIGINT", this.#handler);
  }

  /** Whether a stop was asked for. */
  get asked(): boolean {
    return this.#asked;
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGINT", this.#handler);
  }
}
