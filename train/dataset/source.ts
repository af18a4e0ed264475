import { DataError } from "../../engine/core/errors.ts";

/** One image file that belongs to a class. */
export interface ImageFile {
  /** Where the file is read. */
  readonly path: string;
  /** The path inside the source, with forward slashes: what messages and the digest call the file. */
  readonly name: string;
  /** Position of the image's class in {@linkcode ImageSource.classNames}. */
  readonly label: number;
  /** Changes when the file's content does: its size and time, or the version of the package that holds it. */
  readonly stamp: string;
}

/** Where the images of a data set come from, before any is decoded. */
export interface ImageSource {
  /** Short name, part of the cache file's. */
  readonly name: string;
  /** One line on what may be done with the images. */
  readonly licence: string;
  /** The folder or package, as a person would look it up. */
  readonly location: string;
  /** Names of the labels 0, 1, ... */
  readonly classNames: readonly string[];
  /** In a fixed order: the same files give the same order on every machine. */
  readonly files: readonly ImageFile[];
}

/** SHA-256 in hexadecimal of what decides a data set's content: classes, files, labels and stamps. */
export async function sourceDigest(source: ImageSource): Promise<string> {
  const list = source.files.map(({ name, label, stamp }) => [name, label, stamp]);
  return await sha256(new TextEncoder().encode(JSON.stringify([source.name, source.classNames, list])));
}

/** SHA-256 of bytes in hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Orders strings by their UTF-16 code units, which no locale changes. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The one-line error for an `action` that the runtime refused. */
export function dataError(action: string, cause: unknown): DataError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DataError(`${action}: ${reason.split("\n")[0]}`);
}
