import { DeviceError } from "../../core/errors.ts";
import type { Block, WebGpuBuffer } from "./buffer_pool.ts";
import { type Failures, oneLine } from "./failures.ts";
import type { Pipeline } from "./pipelines.ts";

/** A cached bind group. */
export interface BindGroup {
  readonly key: string;
  readonly gpu: GPUBindGroup;
  readonly blocks: readonly Block[];
  /** Bindings that will still be submitted; at 0 the group is idle and may be dropped. */
  uses: number;
}

/** Groups kept in the hope that the same pipeline meets the same buffers again, as every eager step does. */
const MAX_IDLE = 4096;
/** Deno's process dies at about 65,500 bind groups alive (measured with 2.9.6 on Vulkan). */
const MAX_GROUPS = 60_000;

/** Bind groups by pipeline and buffers: making one costs more than a dispatch. */
export class BindGroupCache {
  readonly #groups = new Map<string, BindGroup>();
  readonly #idle = new Set<BindGroup>();
  readonly #byBlock = new Map<Block, Set<BindGroup>>();

  constructor(readonly failures: Failures) {}

  /** Groups alive. */
  get size(): number {
    return this.#groups.size;
  }

  /**
   * A group for `buffers` in binding order; give it back with `release`.
   *
   * Each binding spans exactly the bytes of its buffer, so that `arrayLength` is the number of elements.
   *
   * @throws {DeviceError} when too many bindings are held at once
   */
  acquire(kernel: string, pipeline: Pipeline, buffers: readonly WebGpuBuffer[]): BindGroup {
    const key = `${pipeline.id}:${
      buffers.map(({ block, offset, bytes }) => `${block.id}/${offset}/${bytes}`).join()
    }`;
    const group = this.#groups.get(key) ?? this.#create(key, kernel, pipeline, buffers);
    group.uses++;
    this.#idle.delete(group);
    return group;
  }

  /** Gives a group back; it stays cached while there is room. */
  release(group: BindGroup): void {
    group.uses--;
    if (group.uses > 0 || this.#groups.get(group.key) !== group) return;
    this.#idle.add(group);
    for (const oldest of this.#idle) {
      if (this.#idle.size <= MAX_IDLE) return;
      this.#drop(oldest);
    }
  }

  /** Drops every group over a block that is about to be destroyed. */
  evict(block: Block): void {
    for (const group of this.#byBlock.get(block) ?? []) this.#drop(group);
  }

  #create(key: string, kernel: string, pipeline: Pipeline, buffers: readonly WebGpuBuffer[]): BindGroup {
    if (this.#groups.size >= MAX_GROUPS) {
      throw new DeviceError(
        `Cannot bind kernel "${kernel}": at most ${MAX_GROUPS} bindings can be held at once, unbind those not in use`,
      );
    }
    const blocks = buffers.map((buffer) => buffer.block);
    const entries = buffers.map(({ offset, bytes }, binding) => ({
      binding,
      resource: { buffer: blocks[binding].gpu, offset, size: bytes },
    }));
    const gpu = this.failures.scoped(
      "validation",
      "call",
      () => this.failures.gpu.createBindGroup({ label: kernel, layout: pipeline.layout, entries }),
      ({ message }) => {
        this.#drop(group);
        return new DeviceError(`Cannot bind kernel "${kernel}": ${oneLine(message)}`);
      },
    );
    const group: BindGroup = { key, gpu, blocks, uses: 0 };
    this.#groups.set(key, group);
    for (const block of blocks) this.#groupsOf(block).add(group);
    return group;
  }

  #groupsOf(block: Block): Set<BindGroup> {
    let groups = this.#byBlock.get(block);
    if (!groups) this.#byBlock.set(block, groups = new Set());
    return groups;
  }

  #drop(group: BindGroup): void {
    this.#groups.delete(group.key);
    this.#idle.delete(group);
    for (const block of group.blocks) {
      const groups = this.#byBlock.get(block);
      groups?.delete(group);
      if (groups?.size === 0) this.#byBlock.delete(block);
    }
  }
}
