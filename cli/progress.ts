const PLAIN_INTERVAL_MS = 5_000;

/** One line that is rewritten in place on a terminal, and printed now and then where output goes to a file. */
export class ProgressLine {
  readonly #terminal = Deno.stdout.isTerminal();
  #last = 0;

  /** Shows a line. */
  show(line: string): void {
    const now = performance.now();
    if (this.#terminal) {
      write(`\r\x1b[2K${line}`);
    } else if (now - this.#last >= PLAIN_INTERVAL_MS) {
      this.#last = now;
      write(`${line}\n`);
    }
  }

  /** Leaves the line, so that what follows starts on one of its own. */
  end(): void {
    if (this.#terminal) write("\r\x1b[2K");
  }
}

function write(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** Seconds as `m:ss` or `h:mm:ss`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
