/** The cells of one line. */
export type Row = readonly string[];

/** Columns of equal width: `left` of them to the left, the others to the right. */
export function table(rows: readonly Row[], left: number): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row.map((cell, i) => i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  ").trimEnd()
  );
}

/** A whole number with separators: `96,870,560`. */
export function whole(value: number): string {
  return value.toLocaleString("en-US");
}

/** Bytes for people: `49.4 MiB`, `24.6 GiB`. */
export function binaryBytes(bytes: number): string {
  const gibibytes = bytes / 2 ** 30;
  return gibibytes < 1 ? `${decimals(bytes / 2 ** 20, 1)} MiB` : `${decimals(gibibytes, 1)} GiB`;
}

/** A number with separators and a fixed number of digits. */
export function decimals(value: number, digits: number): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
