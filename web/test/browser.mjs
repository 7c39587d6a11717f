// A headless Chromium on the built page, and what a visitor does there.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { PATH, serve } from './serve.mjs';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const TIMEOUT = 120_000; // milliseconds
const CAMERA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
const WEBGPU = [
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--use-webgpu-adapter=swiftshader',
  '--ignore-gpu-blocklist',
];

/** Open the page and use it; an error is printed and becomes the exit code. */
export async function withPage({ webgpu = false }, use) {
  const server = await serve(DIST);
  const args = ['--no-sandbox', ...CAMERA, ...(webgpu ? WEBGPU : [])];
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args });
  try {
    const context = await browser.newContext({ locale: 'en', viewport: { width: 1200, height: 900 } });
    const page = await context.newPage();
    page.setDefaultTimeout(TIMEOUT);
    const seen = { requests: [], errors: [] };
    context.on('request', (request) => seen.requests.push(request.url()));
    page.on('console', (message) => message.type() === 'error' && seen.errors.push(message.text()));
    page.on('pageerror', (error) => seen.errors.push(error.message));
    const address = `http://localhost:${server.address().port}${PATH}/`;
    await use({ page, context, seen, address, server });
  } catch (error) {
    console.error(error.stack);
    process.exitCode = 1;
  } finally {
    await browser.close();
    server.close();
  }
}

/** Open an address and wait until the network is loaded. */
export async function open(page, address) {
  await page.goto(address);
  await page.waitForSelector('#content:enabled');
}

/** Wait until the page is drawn and what follows from it has begun; this function runs in the page. */
async function drawn() {
  for (let frame = 0; frame < 2; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
  await new Promise((resolve) => setTimeout(resolve, 100));
}

/** Wait until the page has finished what changed last. */
export async function done(page) {
  await page.evaluate(drawn); // the change itself comes first
  await page.waitForSelector('#status[data-state=done], #status[data-state=error]').catch(async (error) => {
    const where = await page.locator('#status').textContent();
    const share = await page.locator('progress').evaluateAll((bars) => bars.map((bar) => bar.value));
    throw new Error(`the page stays at "${where}", ${share} done`, { cause: error });
  });
  const status = await page.locator('#status').textContent();
  if ((await page.locator('#status').getAttribute('data-state')) === 'error') throw new Error(status);
  return status;
}

/** Click a button that saves a file. */
export async function saved(page, button, file) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.locator(button).click()]);
  await download.saveAs(file);
}

/** Drop a file onto the page. */
export async function drop(page, selector, file, type) {
  const { readFile } = await import('node:fs/promises');
  const content = (await readFile(file)).toString('base64');
  const transfer = await page.evaluateHandle(
    ([content, name, type]) => {
      const transfer = new DataTransfer();
      const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
      return transfer;
    },
    [content, path.basename(file), type],
  );
  await page.dispatchEvent(selector, 'drop', { dataTransfer: transfer });
}
