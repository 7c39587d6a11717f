// A headless Chromium on this folder's page, for `check.mjs` and `run_graph.mjs`.

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

/**
 * Open the page, use it, and close the browser; an error is printed and becomes the exit code.
 * @param {'wasm' | 'webgpu'} device webgpu runs in software where there is no GPU: slow, and without float16
 * @param {string} query of the page's address
 * @param {(page: import('playwright-core').Page) => Promise<void>} use
 */
export async function withPage(device, query, use) {
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
    await page.goto(`http://localhost:${server.address().port}/?device=${device}${query}`);
    await page.waitForSelector('body[data-ready]');
    const used = await page.locator('#device').inputValue();
    if (used !== device) throw new Error(`this browser has no ${device}`);
    await use(page);
  } catch (error) {
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
  } finally {
    await browser.close();
    server.close();
  }
}
