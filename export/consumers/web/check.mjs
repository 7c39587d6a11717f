// Uses the page as a person would, in a headless Chromium, and saves the picture that it shows:
//   CHROMIUM=/usr/bin/chromium node check.mjs MODEL.onnx CONTENT STYLE OUT.png DEVICE [ALPHA [STROKES]] [--strict]
// DEVICE is wasm or webgpu. With --strict, an operator that the device lacks is an error; without, it runs on the CPU.

import { writeFile } from 'node:fs/promises';
import { withPage } from './browser.mjs';

const given = process.argv.slice(2).filter((argument) => argument !== '--strict');
const strict = process.argv.includes('--strict');
const [model, content, style, out, device, alpha = '1', strokes = '0.5'] = given;

await withPage(device, strict ? '&strict=1' : '', async (page) => {
  await page.locator('#alpha').fill(alpha);
  await page.locator('#strokes').fill(strokes);
  for (const [id, file] of Object.entries({ model, content, style })) await page.locator(`#${id}`).setInputFiles(file);
  await page.waitForSelector('#status[data-state=done], #status[data-state=error]');
  const status = await page.locator('#status').textContent();
  if ((await page.locator('#status').getAttribute('data-state')) === 'error') throw new Error(status);
  const url = await page.locator('#stylized').evaluate((canvas) => canvas.toDataURL('image/png'));
  await writeFile(out, Buffer.from(url.split(',')[1], 'base64'));
  console.log(status);
});
