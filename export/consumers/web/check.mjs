// Uses the page as a person would, in a headless Chromium, and saves the picture that it shows:
//   CHROMIUM=/usr/bin/chromium node check.mjs MODEL.onnx CONTENT STYLE OUT.png DEVICE [ALPHA]
// DEVICE is wasm or webgpu; on webgpu, an operator that would run on the CPU is an error. Without a GPU, Chromium's
// own software renderer takes its place: slow, and without float16.

import { writeFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { serve } from './serve.mjs';

const TIMEOUT = 100_000; // milliseconds
const WEBGPU = [
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--use-webgpu-adapter=swiftshader',
  '--ignore-gpu-blocklist',
];

const [model, content, style, out, device, alpha = '1'] = process.argv.slice(2);
const server = await serve();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', ...(device === 'webgpu' ? WEBGPU : [])],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(TIMEOUT);
  page.on('console', (message) => console.error(message.text()));
  page.on('pageerror', (error) => console.error(error.message));
  const strict = device === 'webgpu' ? '&strict=1' : '';
  await page.goto(`http://localhost:${server.address().port}/?device=${device}${strict}`);
  await page.waitForSelector('body[data-ready]');
  const used = await page.locator('#device').inputValue();
  if (used !== device) throw new Error(`this browser has no ${device}`);
  await page.locator('#alpha').fill(alpha);
  for (const [id, file] of Object.entries({ model, content, style })) await page.locator(`#${id}`).setInputFiles(file);
  await page.waitForSelector('#status[data-state=done], #status[data-state=error]');
  const status = await page.locator('#status').textContent();
  if ((await page.locator('#status').getAttribute('data-state')) === 'error') throw new Error(status);
  const url = await page.locator('#stylized').evaluate((canvas) => canvas.toDataURL('image/png'));
  await writeFile(out, Buffer.from(url.split(',')[1], 'base64'));
  console.log(status);
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  server.close();
}
