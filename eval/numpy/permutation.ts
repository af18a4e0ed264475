/**
 * `numpy.random.RandomState(seed).permutation(count)`, which evaluators in use shuffle with: the Mersenne Twister
 * MT19937 and a Fisher-Yates shuffle whose indices are drawn by rejection. NumPy keeps this sequence as it is.
 *
 * Source: Matsumoto, Nishimura, *Mersenne Twister* (1998); NumPy's documentation of its legacy generator.
 *
 * @param seed a whole number from 0 to 2^32 - 1
 * @param count a whole number below 2^32
 * @throws {RangeError} when a number is not in range
 */
export function numpyPermutation(seed: number, count: number): Uint32Array {
  for (const [name, value] of [["seed", seed], ["count", count]] as const) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw new RangeError(`Cannot permute with ${name} ${value}: wanted a whole number from 0 to 2^32 - 1`);
    }
  }
  const next = mersenneTwister(seed);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const mask = 0xffffffff >>> Math.clz32(i);
    let j = i + 1;
    while (j > i) j = (next() & mask) >>> 0;
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

const WORDS = 624;
const MIDDLE = 397;

/** The generator's 32-bit outputs, one a call. */
function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(WORDS);
  state[0] = seed;
  for (let i = 1; i < WORDS; i++) {
    state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  }
  let used = WORDS;
  return () => {
    if (used === WORDS) {
      advance(state);
      used = 0;
    }
    let word = state[used++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  };
}

function advance(state: Uint32Array): void {
  for (let i = 0; i < WORDS; i++) {
    const joined = (state[i] & 0x80000000) | (state[(i + 1) % WORDS] & 0x7fffffff);
    state[i] = state[(i + MIDDLE) % WORDS] ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
  }
}
