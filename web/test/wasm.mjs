// Uses the built page as a visitor would, in WebAssembly:
//   CHROMIUM=/usr/bin/chromium node test/wasm.mjs FOLDER
// FOLDER has content.png and style.safetensors; the pictures that the page saves are written there, and what it saw
// (facts.json) for the Python test to judge.

import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { done, drop, open, saved, withPage } from './browser.mjs';

const folder = process.argv[2];
const file = (name) => path.join(folder, name);
const axe = await readFile(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const facts = {};

/** Stylize the content in tiles and by labels with `stylizer.js`; this function runs in the page. */
async function asLibrary({ picture, labels, ...settings }) {
  const { Stylizer } = await import('./stylizer.js');
  const stylizer = await Stylizer.load(document.baseURI, 'wasm');
  const read = async (name) => stylizer.readCode(await (await fetch(`gallery/${name}.safetensors`)).blob());
  const codes = await Promise.all(['woodcut', 'mosaic'].map(read));
  const content = new ImageData(Uint8ClampedArray.from(picture.values), picture.width, picture.height);
  const map = { ...labels, values: Uint8Array.from(labels.values) };
  const stylized = await stylizer.stylize({ ...settings, codes, labels: map }, content);
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(',')[1]);
    reader.readAsDataURL(new Blob([stylized.data]));
  });
}

await withPage({}, async ({ page, context, seen, address, server }) => {
  const step = async (name, work) => {
    const start = performance.now();
    await work();
    console.log(`${name}: ${Math.round(performance.now() - start)} ms`);
  };
  const violations = async () => {
    const found = await page.evaluate((source) => (0, eval)(`${source}; axe.run()`), axe);
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  };

  await step('load', () => open(page, address));
  facts.isolated = await page.evaluate(() => crossOriginIsolated);
  await step('first picture', async () => {
    await drop(page, 'main', file('content.png'), 'image/png');
    await page.locator('#own-style').setInputFiles(file('style.safetensors'));
    await done(page);
  });
  facts.transferred = server.sent;
  await saved(page, '#png', file('plain.png'));
  await step('own style', async () => {
    await page.locator('[data-style="style.safetensors"]').click();
    await page.locator('#own-style').setInputFiles(file('own.png'));
    await done(page);
    await saved(page, '#code', file('own.safetensors'));
    await page.locator('[data-style="own.png"]').click();
    await page.locator('[data-style="style.safetensors"]').click();
  });
  await step('strokes', async () => {
    await page.locator('#strokes').fill('0.8');
    await page.locator('#alpha').fill('0.7');
    await page.locator('#seed').fill('7');
    await done(page); // the progress is drawn meanwhile, and must not take away what was typed
    await page.locator('#seed').blur();
    await done(page);
    await saved(page, '#png', file('broad.png'));
  });
  await step('colours', async () => {
    await page.locator('#colours').check();
    await done(page);
    await saved(page, '#png', file('colours.png'));
    await page.locator('#undo').click();
    await done(page);
    facts.undone = !(await page.locator('#colours').isChecked());
  });
  await step('mix', async () => {
    await page.locator('[data-style=woodcut]').click();
    await page.locator('[data-style=mosaic]').click();
    const { x, y, width, height } = await page.locator('.mix').boundingBox();
    await page.mouse.move(x + width * 0.9, y + height * 0.9);
    await page.mouse.down();
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.up();
    await page.locator('.mix').focus();
    await page.keyboard.press('ArrowDown');
    await done(page);
    await saved(page, '#png', file('mix.png'));
    await saved(page, '#code', file('mix.safetensors'));
  });
  await step('paint', async () => {
    await page.locator('#painting').check();
    await done(page);
    const box = await page.locator('.paint canvas').boundingBox();
    await page.mouse.move(box.x + box.width * 0.1, box.y + box.height * 0.5);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.3, box.y + box.height * 0.5, { steps: 4 });
    await page.mouse.up();
    await done(page);
    await saved(page, '#png', file('painted.png'));
  });
  await step('axe', async () => {
    facts.axe = await violations();
    await page.emulateMedia({ colorScheme: 'dark' });
    facts.axe.push(...(await violations()));
    await page.emulateMedia({ colorScheme: 'light' });
  });
  await step('link', async () => {
    await page.locator('#share').click();
    await page.waitForFunction(() => location.hash.length > 1);
    facts.link = new URL(page.url()).hash;
  });
  await step('as a library', async () => {
    const bytes = await page.evaluate(asLibrary, JSON.parse(await readFile(file('job.json'), 'utf8')));
    await writeFile(file('tiles.rgba'), Buffer.from(bytes, 'base64'));
  });
  await step('camera', async () => {
    await page.locator('#live').click();
    await page.waitForSelector('#record:enabled');
    await page.locator('#record').click();
    await page.waitForTimeout(1500);
    await saved(page, '#record', file('camera.webm'));
    facts.rate = await page.locator('#rate').textContent();
    await page.locator('#live').click();
  });
  await step('film', async () => {
    await done(page);
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('#film').setInputFiles(file('film.webm'))]);
    facts.film = download.suggestedFilename();
    await download.saveAs(file(facts.film));
  });
  const ask = async () => (await fetch('v1/models')).text();
  facts.asked = [await page.evaluate(ask), await page.evaluate(ask)];
  await step('offline', async () => {
    server.close();
    server.closeAllConnections();
    await page.goto(`${address}?again#${facts.link.slice(1)}`);
    await page.waitForSelector('#content:enabled');
    await page.locator('#content').setInputFiles(file('content.png'));
    await done(page);
    facts.offline = await page.locator('[aria-pressed=true][data-style]').evaluateAll((all) => all.map((each) => each.dataset.style));
  });
  facts.errors = seen.errors;
  facts.others = seen.requests.filter((url) => !url.startsWith(address) && !/^(blob|data):/.test(url));
  await writeFile(file('facts.json'), JSON.stringify(facts, null, 1));
});
