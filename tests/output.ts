/** What a command wrote while it ran. */
export interface Captured<T> {
  readonly value: T;
  readonly out: string;
  readonly err: string;
}

/** Runs `body` with standard output and error gathered as text. */
export async function captured<T>(body: () => Promise<T>): Promise<Captured<T>> {
  const [out, err] = [gather(Deno.stdout), gather(Deno.stderr)];
  try {
    const value = await body();
    return { value, out: out.text(), err: err.text() };
  } finally {
    out.restore();
    err.restore();
  }
}

function gather(stream: { writeSync(bytes: Uint8Array): number }): { text(): string; restore(): void } {
  const decoder = new TextDecoder();
  const write = stream.writeSync;
  let text = "";
  stream.writeSync = (bytes) => {
    text += decoder.decode(bytes, { stream: true });
    return bytes.length;
  };
  return { text: () => text, restore: () => void (stream.writeSync = write) };
}
