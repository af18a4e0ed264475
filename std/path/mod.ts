/**
 * Stand-in for `jsr:@std/path` where the JSR registry cannot be reached: the same names and signatures over
 * `node:path` and `node:url`.
 *
 * @module
 */
import * as nodePath from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Last part of a path, without `suffix`. */
export function basename(path: string, suffix?: string): string {
  return nodePath.basename(path, suffix);
}

/** All but the last part of a path. */
export function dirname(path: string): string {
  return nodePath.dirname(path);
}

/** Extension with its dot, or an empty string. */
export function extname(path: string): string {
  return nodePath.extname(path);
}

/** Joins parts with the separator and normalises the result. */
export function join(path: string, ...paths: string[]): string {
  return nodePath.join(path, ...paths);
}

/** Absolute path of the parts, read from right to left, starting at the working folder. */
export function resolve(...paths: string[]): string {
  return nodePath.resolve(...paths);
}

/** The path that leads from the folder `from` to `to`. */
export function relative(from: string, to: string): string {
  return nodePath.relative(from, to);
}

/** Path of a `file:` URL. */
export function fromFileUrl(url: string | URL): string {
  return fileURLToPath(url);
}

/** `file:` URL of an absolute path. */
export function toFileUrl(path: string): URL {
  return pathToFileURL(path);
}
