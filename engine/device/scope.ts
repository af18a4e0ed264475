import type { Backend } from "./backend.ts";
import { Storage, type Tensor } from "../tensor.ts";

/**
 * Owns the tensors that are made while it is the innermost scope, and releases them when it is disposed.
 *
 * ```ts ignore
 * using scope = device.scope();
 * const y = scope.keep(silu(x)); // outlives this scope, belongs to the one around it
 * ```
 */
export class Scope implements Disposable {
  readonly #owned = new Set<Storage>();

  /** Made by `Device.scope`. */
  constructor(
    private readonly backend: Backend,
    private readonly parent: Scope | undefined,
    private readonly onDispose: (scope: Scope) => void,
  ) {}

  /** Allocates step-scoped bytes. */
  allocate(bytes: number): Storage {
    const storage = new Storage(bytes, "scoped", this.backend.allocate(bytes));
    this.#owned.add(storage);
    return storage;
  }

  /** Hands a tensor to the scope around this one: the only escape. */
  keep<T extends Tensor>(tensor: T): T {
    if (this.parent && this.#owned.delete(tensor.storage)) {
      this.parent.#owned.add(tensor.storage);
    }
    return tensor;
  }

  /** Releases what the scope still owns. */
  [Symbol.dispose](): void {
    for (const storage of this.#owned) {
      if (storage.buffer) this.backend.release(storage.buffer);
      storage.buffer = undefined;
    }
    this.#owned.clear();
    this.onDispose(this);
  }
}
