/**
 * Streams of the counter-based generator: every use of randomness in a run has its own, so that adding one never
 * changes another. Micro-batches of one update follow each other in steps of `STREAMS`.
 */
export const STREAM = { noise: 0, time: 1, labelDrop: 2, sampleNoise: 3 } as const;

/** Distance between the streams of two micro-batches. */
export const STREAMS = 16;
