/**
 * Fixed 2-D sin-cos position table: the first half of the channels encodes the column, the second half the row, each
 * `[sin | cos]` at `1 / 10000^(i / (D/4))`; computed in f64 and rounded (reference behaviour 14).
 *
 * @param hidden channels D, a multiple of 4
 * @param grid tokens along one side
 * @returns `f32[grid * grid, D]`, row-major
 */
export function sinCosPositions(hidden: number, grid: number): Float32Array<ArrayBuffer> {
  const quarter = hidden / 4;
  const table = new Float32Array(grid * grid * hidden);
  for (let row = 0; row < grid; row++) {
    for (let column = 0; column < grid; column++) {
      const at = (row * grid + column) * hidden;
      for (let i = 0; i < quarter; i++) {
        const frequency = 1 / 10_000 ** (i / quarter);
        table[at + i] = Math.sin(column * frequency);
        table[at + quarter + i] = Math.cos(column * frequency);
        table[at + 2 * quarter + i] = Math.sin(row * frequency);
        table[at + 3 * quarter + i] = Math.cos(row * frequency);
      }
    }
  }
  return table;
}
