// Uses the built page on WebGPU (in software where there is no GPU), and loses the device on the way:
//   CHROMIUM=/usr/bin/chromium node test/webgpu.mjs FOLDER

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { done, open, saved, withPage } from './browser.mjs';

const folder = process.argv[2];
const file = (name) => path.join(folder, name);

/** Let every submission to the GPU fail; this function runs in the worker. */
function failFromNow() {
  GPUQueue.prototype.submit = () => {
    throw new Error('out of memory');
  };
}

await withPage({ webgpu: true }, async ({ page, address }) => {
  const start = performance.now();
  const time = (name) => console.log(`${name}: ${Math.round(performance.now() - start)} ms`);
  await open(page, `${address}?device=webgpu`);
  time('load');
  await page.locator('#own-style').setInputFiles(file('style.safetensors'));
  await page.locator('#content').setInputFiles(file('content.png'));
  const said = await done(page);
  time('picture');
  await saved(page, '#png', file('webgpu.png'));
  await page.workers().find((worker) => worker.url().includes('assets/worker')).evaluate(failFromNow);
  await page.locator('#alpha').fill('0.7');
  await page.waitForSelector('#note');
  const then = await done(page);
  time('after a failure');
  await saved(page, '#png', file('fallback.png'));
  await writeFile(file('webgpu.json'), JSON.stringify({ said, then, note: await page.locator('#note').textContent() }));
});
