import type { HostArray } from "../core/dtype.ts";
import { CheckpointError } from "../core/errors.ts";
import type { SafetensorsDType } from "./safetensors_header.ts";

/** Elements of a tensor that was read: `U8` stays bytes, all other types become those of the engine. */
export type SafetensorsData = HostArray | Uint8Array<ArrayBuffer>;

type Decoder = (buffer: ArrayBuffer, what: string) => SafetensorsData;

const DECODERS: ReadonlyMap<SafetensorsDType, Decoder> = new Map<SafetensorsDType, Decoder>([
  ["F32", (buffer) => new Float32Array(buffer)],
  ["I32", (buffer) => new Int32Array(buffer)],
  ["U32", (buffer) => new Uint32Array(buffer)],
  ["U8", (buffer) => new Uint8Array(buffer)],
  ["F64", (buffer) => new Float32Array(new Float64Array(buffer))],
  ["F16", (buffer) => new Float32Array(new Float16Array(buffer))],
  ["BF16", widenBfloat16],
  ["I64", narrowInt64],
]);

/**
 * Turns little-endian bytes into elements of the engine: `F16` and `BF16` are widened to f32, `F64` is rounded to f32,
 * `I64` becomes i32.
 *
 * @param what opens an error, as in `Cannot read tensor "x" of f`
 * @throws {CheckpointError} when the dtype is not supported or an `I64` value does not fit in 32 bits
 */
export function decodeElements(dtype: SafetensorsDType, buffer: ArrayBuffer, what: string): SafetensorsData {
  const decode = DECODERS.get(dtype);
  if (!decode) {
    throw new CheckpointError(`${what}: dtype ${dtype} given, wanted ${[...DECODERS.keys()].join(", ")}`);
  }
  return decode(buffer, what);
}

/** A bfloat16 is the upper half of an f32. */
function widenBfloat16(buffer: ArrayBuffer): Float32Array<ArrayBuffer> {
  const wide = Uint32Array.from(new Uint16Array(buffer), (half) => half << 16);
  return new Float32Array(wide.buffer);
}

function narrowInt64(buffer: ArrayBuffer, what: string): Int32Array<ArrayBuffer> {
  return Int32Array.from(new BigInt64Array(buffer), (value: bigint) => {
    if (value !== BigInt.asIntN(32, value)) {
      throw new CheckpointError(`${what}: I64 value ${value} does not fit in 32 bits`);
    }
    return Number(value);
  });
}
