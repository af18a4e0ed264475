import { assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { decodePng } from "../../eval/png.ts";
import { escapeXml, FONT_FAMILY, svgDocument, svgToPng, textWidth } from "../../eval/svg.ts";

Deno.test("`svgToPng()` draws shapes in their exact colours and enlarges by `zoom`", async () => {
  const svg = svgDocument(4, 2, '<rect width="4" height="2" fill="#102030"/>');
  const picture = decodePng(await svgToPng(svg, { zoom: 3 }), "drawing");
  assertEquals([picture.width, picture.height], [12, 6]);
  assertEquals([...picture.rgba.subarray(0, 4)], [0x10, 0x20, 0x30, 255]);
});

Deno.test("`svgToPng()` draws text without any font of the system", async () => {
  const text = `<text y="20" font-family="${FONT_FAMILY}" font-size="20">Loss</text>`;
  const { rgba } = decodePng(await svgToPng(svgDocument(60, 30, text)), "text");
  assertGreater(rgba.filter((value, i) => i % 4 === 3 && value > 128).length, 80);
});

Deno.test("`textWidth()` grows with the text and in proportion to the font size", async () => {
  const width = await textWidth("Smileys & Emotion", 10);
  assertGreater(width, await textWidth("Smileys", 10));
  assertAlmostEquals(await textWidth("Smileys & Emotion", 20), 2 * width, 0.5);
});

Deno.test("`escapeXml()` escapes all that could end a text or an attribute", () => {
  assertEquals(escapeXml('<a href="x">&</a>'), "&lt;a href=&quot;x&quot;&gt;&amp;&lt;/a&gt;");
});
