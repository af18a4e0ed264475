import { f32 } from "../../engine/core/spec.ts";
import {
  type Expr,
  f32x4,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall, CpuScratch, Slot } from "../../engine/kernel.ts";
import type { AdaLnSizes } from "./sizes.ts";

/** Tokens whose terms are added one after the other, before their sums are. */
const CHUNK = 32;
/** Elements worth handing to another worker. */
const WORTHWHILE = 16_384;

/** Chunks of tokens of a batch item. */
export function chunksOf({ tokens }: AdaLnSizes): number {
  return Math.ceil(tokens / CHUNK);
}

/** Sums of each chunk: `sums` rows of D. */
export function partialSums(sizes: AdaLnSizes, sums: number): CpuScratch {
  return { spec: f32(sizes.batch * chunksOf(sizes), sums, sizes.width) };
}

/** A pass over all tokens, that leaves sums of each chunk. */
export interface ChunkPass {
  readonly key: string;
  readonly sizes: AdaLnSizes;
  /** Sums of a chunk. */
  readonly sums: number;
  readonly bindings: readonly Slot[];
  /** Writes the code of one row; `sums` are the addresses of the chunk's sums, to add to. */
  readonly row: (
    f: KernelBuilder,
    at: { readonly row: Local<"i32">; readonly item: Local<"i32">; readonly sums: readonly Local<"i32">[] },
    pointers: readonly Local<"i32">[],
  ) => void;
}

/** One work item is a chunk; the last binding holds its sums. */
export function chunkCall({ key, sizes, sums, bindings, row }: ChunkPass): CpuCall {
  const { batch, tokens, width } = sizes;
  const chunks = chunksOf(sizes);
  return {
    key: `${key} ${tokens} ${width} ${sizes.parts}`,
    build: () =>
      kernelModule((f) => {
        const pointers = f.pointers(bindings.length);
        f.forRange(f.begin, f.end, 1, (index) => {
          const item = f.localI32("item", i32.div_u(index, chunks));
          const chunk = f.localI32("chunk", i32.rem_u(index, chunks));
          const own = f.localI32(
            "own",
            i32.add(pointers[pointers.length - 1], i32.mul(index, 4 * sums * width)),
          );
          f.fill(own, 0, 4 * sums * width);
          const at = Array.from({ length: sums }, (_, s) => f.localI32("sum", i32.add(own, 4 * s * width)));
          const start = f.localI32("start", i32.add(i32.mul(item, tokens), i32.mul(chunk, CHUNK)));
          const next = f.localI32("next", i32.add(start, CHUNK));
          const last = f.localI32("last", i32.mul(i32.add(item, 1), tokens));
          const end = f.localI32("end", i32.select(i32.lt_u(next, last), next, last));
          f.forRange(start, end, 1, (line) => row(f, { row: line, item, sums: at }, pointers));
        });
      }),
    bindings,
    range: batch * chunks,
    grain: Math.max(1, Math.ceil(WORTHWHILE / (Math.min(tokens, CHUNK) * width))),
  };
}

/** What the vectors of a batch item get. */
export interface VectorPass {
  readonly name: string;
  readonly sizes: AdaLnSizes;
  /** For each sum the vector that it is the gradient of. */
  readonly owners: readonly number[];
  /** Slots: the partial sums, the result, and the earlier gradient where there is one. */
  readonly bindings: readonly Slot[];
}

/** Adds up the chunks' sums, and the earlier gradient. One work item is a batch item. */
export function vectorCall({ name, sizes, owners, bindings }: VectorPass): CpuCall {
  const { batch, width, parts } = sizes;
  const chunks = chunksOf(sizes), before = bindings.length === 3, sums = owners.length;
  return {
    key: `${name} vectors ${sizes.tokens} ${width} ${parts} ${owners.join()} ${before}`,
    build: () =>
      kernelModule((f) => {
        const [partial, result, earlier] = f.pointers(bindings.length);
        f.forRange(f.begin, f.end, 1, (item) => {
          const from = f.localI32("from", i32.add(partial, i32.mul(item, 4 * chunks * sums * width)));
          for (let part = 0; part < parts; part++) {
            const offset = f.localI32("offset", i32.mul(i32.add(i32.mul(item, parts), part), 4 * width));
            const to = f.localI32("to", i32.add(result, offset));
            const old = before ? f.localI32("old", i32.add(earlier, offset)) : undefined;
            const sum = owners.indexOf(part);
            if (sum >= 0) addChunks(f, { from, to, old, sum, sums, chunks, width });
            else if (old) f.copy(to, old, 4 * width);
            else f.fill(to, 0, 4 * width);
          }
        });
      }),
    bindings,
    range: batch,
    grain: Math.max(1, Math.ceil(WORTHWHILE / (parts * width))),
  };
}

interface Addition {
  readonly from: Local<"i32">;
  readonly to: Local<"i32">;
  readonly old: Local<"i32"> | undefined;
  readonly sum: number;
  readonly sums: number;
  readonly chunks: number;
  readonly width: number;
}

function addChunks(f: KernelBuilder, { from, to, old, sum, sums, chunks, width }: Addition): void {
  f.forVectors(width, (at, offset, lanes) => {
    const first: Expr<"v128"> = old ? v128.load(i32.add(old, at), offset) : f.f32x4(0);
    const total = f.localV128("total", first);
    const place = f.localI32("place", i32.add(i32.add(from, at), 4 * sum * width));
    f.forCount(chunks, () => {
      total.set(f32x4.add(total, v128.load(place, offset)));
      place.set(i32.add(place, 4 * sums * width));
    });
    storePartial(f, i32.add(to, at), total, lanes, offset);
  });
}
