import { Philox } from "../../../engine/core/random.ts";
import type { ClassifierData } from "../../../eval/classifier/mod.ts";

const SIDE = 16;

/** Noise with a bright stripe: upright ones are of class 0, lying ones of class 1. Two thirds are of class 0. */
export function stripes(count: number): ClassifierData {
  const images = new Uint8Array(count * 3 * SIDE * SIDE);
  const labels = new Int32Array(count);
  const noise = new Philox(41, 1).integers(images.length, 100);
  const places = new Philox(41, 2).integers(count, SIDE - 2);
  for (let i = 0; i < count; i++) {
    labels[i] = i % 3 === 2 ? 1 : 0;
    for (let j = 0; j < 3 * SIDE * SIDE; j++) {
      const [y, x] = [Math.floor(j / SIDE) % SIDE, j % SIDE];
      const along = (labels[i] === 0 ? x : y) - places[i];
      const at = i * 3 * SIDE * SIDE + j;
      images[at] = noise[at] + (along >= 0 && along < 3 ? 150 : 0);
    }
  }
  return { images, labels, classNames: ["upright", "lying"], imageSize: SIDE, digest: `stripes ${count}` };
}
