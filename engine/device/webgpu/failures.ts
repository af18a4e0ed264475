import { DeviceError } from "../../core/errors.ts";

/** How near an error is to its cause: of several, the lowest is reported and the rest are consequences. */
export type FailureRank = "compile" | "call" | "uncaptured";

/** How long a failed call waits for the news that the device is lost, which may come after it. */
const LOSS_MILLISECONDS = 100;

const RANKS: readonly FailureRank[] = ["compile", "call", "uncaptured"];

/**
 * Errors that WebGPU reports later than the call that caused them.
 *
 * Validation is asynchronous: a bad shader gives an object that looks whole, and the truth arrives through an error
 * scope, an `uncapturederror` event or the `lost` promise. All of them end here, and the next await rejects.
 */
export class Failures {
  readonly #pending = new Set<Promise<void>>();
  readonly #known: { rank: FailureRank; error: DeviceError }[] = [];
  #lost: string | undefined;
  #disposed = false;

  constructor(readonly gpu: GPUDevice) {
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#known.push({
        rank: "uncaptured",
        error: new DeviceError(
          `Cannot run on WebGPU: ${oneLine((event as GPUUncapturedErrorEvent).error.message)}`,
        ),
      });
    });
    gpu.lost.then(({ message, reason }) => {
      this.#lost = oneLine(message) || reason;
    });
  }

  /** Runs `action` in an error scope; `explain` turns an error into the one that will be reported. */
  scoped<T>(
    filter: GPUErrorFilter,
    rank: FailureRank,
    action: () => T,
    explain: (error: GPUError) => DeviceError | Promise<DeviceError>,
  ): T {
    this.gpu.pushErrorScope(filter);
    try {
      return action();
    } finally {
      this.#watch(this.gpu.popErrorScope(), rank, explain);
    }
  }

  /**
   * Throws what is known at once: a device that is gone.
   *
   * @throws {DeviceError} when the device was disposed or lost
   */
  assertAlive(): void {
    if (this.#disposed) throw new DeviceError("Cannot use the WebGPU device: it was disposed");
    if (this.#lost !== undefined) {
      throw new DeviceError(`Cannot use the WebGPU device: it was lost (${this.#lost})`);
    }
  }

  /**
   * Waits for open error scopes and throws the first cause; an error is reported once.
   *
   * @throws {DeviceError} when anything failed since the last check
   */
  async check(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    const known = this.#known.splice(0);
    for (const rank of RANKS) {
      const failure = known.find((entry) => entry.rank === rank);
      if (failure) throw failure.error;
    }
    this.assertAlive();
  }

  /**
   * Throws why a call has failed, if that is known: an earlier error, or a device that is gone.
   *
   * @throws {DeviceError} for the first cause
   */
  async explain(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const waited = new Promise<void>((resolve) => timer = setTimeout(resolve, LOSS_MILLISECONDS));
    await Promise.race([this.gpu.lost, waited]);
    clearTimeout(timer);
    await this.check();
  }

  /** From here on the device counts as disposed. */
  dispose(): void {
    this.#disposed = true;
  }

  #watch(
    scope: Promise<GPUError | null>,
    rank: FailureRank,
    explain: (error: GPUError) => DeviceError | Promise<DeviceError>,
  ): void {
    const watched = scope.then(async (error) => {
      if (error) this.#known.push({ rank, error: await explain(error) });
      // A scope that cannot be popped belongs to a lost device, which `assertAlive` reports.
    }).catch(() => {}).finally(() => this.#pending.delete(watched));
    this.#pending.add(watched);
  }
}

/** The lines of a driver's message, joined: errors of the engine are one line where they can be. */
export function oneLine(message: string): string {
  return message.trim().split(/\s*\n\s*/).join("; ");
}
