/**
 * Drawings: SVG text in, PNG bytes out, the same on every machine. The renderer is WebAssembly and the font
 * comes from a package, so that neither a system font nor a native library is needed, only `--allow-read`.
 *
 * @module
 */
// The font has no code to import; its package.json makes the runtime fetch the package.
import fontPackage from "dejavu-fonts-ttf/package.json" with { type: "json" };
import { initWasm, Resvg } from "@resvg/resvg-wasm";

/** The only font family that drawings may name. */
export const FONT_FAMILY = "DejaVu Sans";

const RENDERER_WASM = "npm:@resvg/resvg-wasm@2.6.2/index_bg.wasm";
const FONT_FILES = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"] as const;

/** How a drawing becomes pixels. */
export interface SvgRenderOptions {
  /** Pixels per SVG unit; 1 unless given. */
  readonly zoom?: number;
}

let fonts: Promise<Uint8Array[]> | undefined;

/** Starts the renderer at its first use: its WebAssembly may be initialised only once in a process. */
function loadFonts(): Promise<Uint8Array[]> {
  fonts ??= (async () => {
    await initWasm(await Deno.readFile(new URL(import.meta.resolve(RENDERER_WASM))));
    const folder = `npm:${fontPackage.name}@${fontPackage.version}/ttf`;
    return await Promise.all(
      FONT_FILES.map((file) => Deno.readFile(new URL(import.meta.resolve(`${folder}/${file}`)))),
    );
  })();
  return fonts;
}

function fontOptions(fontBuffers: Uint8Array[]) {
  return { fontBuffers, defaultFontFamily: FONT_FAMILY, sansSerifFamily: FONT_FAMILY };
}

/** Renders an SVG document; text in any family is drawn in {@linkcode FONT_FAMILY}. */
export async function svgToPng(
  svg: string,
  options: SvgRenderOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const font = fontOptions(await loadFonts());
  const renderer = new Resvg(svg, { font, fitTo: { mode: "zoom", value: options.zoom ?? 1 } });
  try {
    const rendered = renderer.render();
    const png = new Uint8Array(rendered.asPng());
    rendered.free();
    return png;
  } finally {
    renderer.free();
  }
}

/** Width in SVG units of one line of text at a font size. */
export async function textWidth(text: string, fontSize: number): Promise<number> {
  const font = fontOptions(await loadFonts());
  const style = `y="${fontSize}" font-family="${FONT_FAMILY}" font-size="${fontSize}"`;
  const element = `<text ${style}>${escapeXml(text)}</text>`;
  const renderer = new Resvg(svgDocument(1, 1, element), { font });
  try {
    return renderer.getBBox()?.width ?? 0;
  } finally {
    renderer.free();
  }
}

/** An SVG document of a width and height in pixels around elements. */
export function svgDocument(width: number, height: number, elements: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${elements}</svg>`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text as the content of an XML element or of a quoted attribute. */
export function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character]);
}
