import { assertEquals } from "@std/assert";
import { metricName } from "../../../eval/evaluate/metrics.ts";
import { INCEPTION_NAME } from "../../../eval/mod.ts";

Deno.test("`metricName()` gives FID-50K to 50,000 images in Inception's features alone", () => {
  assertEquals(metricName("FID", INCEPTION_NAME, 50_000), "FID-50K");
  assertEquals(metricName("FID", INCEPTION_NAME, 49_999), "FID (49,999 images)");
  assertEquals(metricName("FID", "tessera-classifier-v1", 50_000), "FID (tessera-classifier-v1)");
});
