/**
 * Streams of the counter-based generator: every use of randomness in a run has its own, so that adding one never
 * changes another. Micro-batches of one update follow each other in steps of `STREAMS`; the network's dropout masks
 * take what is left of a micro-batch's share. Stream 3 is the sampler's starting noise.
 */
export const STREAM = { noise: 0, time: 1, labelDrop: 2, dropout: 4 } as const;

/** Distance between the streams of two micro-batches. */
export const STREAMS = 1024;
