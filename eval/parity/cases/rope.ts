import { permute } from "../../../kernels/permute/mod.ts";
import {
  rope,
  type RopeTable,
  ropeTable1d,
  ropeTable2d,
  ropeTableInterleaved2d,
  type Rotation,
} from "../../../kernels/rope/mod.ts";
import { type CaseContext, type CaseRunner, input, inputGradient } from "../case.ts";

/** One-dimensional rotary embedding (behaviour 11). */
export const runRope1d: CaseRunner = async (context) => {
  const args = context.golden.config.section("args");
  args.ignore("heads", "max_position_embeddings");
  const [tokens, headDim, base] = [args.number("seq_len"), args.number("head_dim"), args.number("base")];
  args.finish();
  const [stored] = context.golden.shape("out.cos");
  await compareTable(context, ropeTable1d(stored, headDim, base), "out.cos", "out.sin");
  await rotate(context, ropeTable1d(tokens, headDim, base), { pairing: "half", block: headDim });
};

/** Two-dimensional rotary embedding, rows then columns (behaviour 12). */
export const runRope2d: CaseRunner = async (context) => {
  const args = context.golden.config.section("args");
  args.ignore("heads");
  const [side, headDim, base] = [args.number("HW"), args.number("head_dim"), args.number("base")];
  args.finish();
  const table = ropeTable2d(side, side, headDim, base);
  const half = headDim / 2;
  await compareTable(context, columns(table, 0, half), "out.cos_y", "out.sin_y");
  await compareTable(context, columns(table, half, headDim), "out.cos_x", "out.sin_x");
  await rotate(context, table, { pairing: "half", block: half });
};

/** Interleaved two-dimensional rotary embedding with leading class tokens (behaviour 13). */
export const runRopeInterleaved: CaseRunner = async (context) => {
  const args = context.golden.config.section("args");
  args.ignore("heads");
  const [half, side] = [args.number("dim"), args.number("pt_seq_len")];
  const [leading, base] = [args.number("num_cls_token"), args.number("theta")];
  args.finish();
  const table = ropeTableInterleaved2d(side, side, 2 * half, leading, base);
  await compareTable(context, table, "out.cos", "out.sin");
  await rotate(context, table, { pairing: "interleaved" });
};

async function compareTable(
  { checks }: CaseContext,
  table: RopeTable,
  cos: string,
  sin: string,
): Promise<void> {
  const half = table.data.length / 2;
  await checks.values(cos, table.data.subarray(0, half), "table");
  await checks.values(sin, table.data.subarray(half), "table");
}

/** Channels `[begin, end)` of a table. */
function columns(
  { shape: [parts, tokens, headDim], data }: RopeTable,
  begin: number,
  end: number,
): RopeTable {
  const width = end - begin;
  const cut = Float32Array.from(
    { length: parts * tokens * width },
    (_, i) => data[Math.floor(i / width) * headDim + begin + i % width],
  );
  return { shape: [parts, tokens, width], data: cut };
}

const HEADS_FIRST = [0, 2, 1, 3]; // f32[B, N, H, D] <-> f32[B, H, N, D], the layout of the files

async function rotate(context: CaseContext, { shape, data }: RopeTable, rotation: Rotation): Promise<void> {
  const { device, checks } = context;
  const table = device.tensor(shape, data);
  for (const name of ["q", "k"]) {
    const x = await input(context, name);
    const upstream = await input(context, `grad_${name}`);
    let root = x;
    const gradient = await inputGradient(x, () => {
      root = permute(rope(permute(x, HEADS_FIRST), table, rotation), HEADS_FIRST);
      return { root, upstream };
    });
    await checks.tensor(`out.${name}`, root, "table");
    await checks.values(`grad.in.${name}`, gradient, "table");
  }
}
