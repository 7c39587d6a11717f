// The page: its inputs, and one run at a time.

import { Stylizer, devices } from './stylizer.js';

const element = (id) => document.getElementById(id);
const status = element('status');
const settings = new URLSearchParams(location.search); // ?device=wasm, ?model=URL, ?strict=1
const given = { model: null, content: null, style: null };
let stylizer = null;
let running = false;
let outdated = false;

function say(state, text) {
  status.dataset.state = state;
  status.textContent = text;
}

/** Stylize with what is given now; what changes meanwhile is taken up afterwards. */
async function update() {
  const missing = Object.keys(given).filter((name) => given[name] === null);
  if (missing.length) return say('waiting', `Drop in: ${missing.join(', ')}`);
  outdated = true;
  if (running) return;
  running = true;
  try {
    while (outdated) {
      outdated = false;
      await run();
    }
  } catch (error) {
    say('error', error.message ?? String(error));
  } finally {
    running = false;
  }
}

async function run() {
  const device = element('device').value;
  const { model, content, style } = given;
  let current = stylizer;
  if (current === null) {
    say('busy', 'Loading the model …');
    current = await Stylizer.load(model, device, { strict: settings.has('strict') });
    if (given.model === model && element('device').value === device) stylizer = current;
  }
  say('busy', 'Stylizing …');
  await new Promise((resolve) => setTimeout(resolve)); // lets the page show that
  const start = performance.now();
  const [alpha, strokes] = ['alpha', 'strokes'].map((id) => element(id).valueAsNumber);
  const picture = await current.stylize(content, style, { alpha, strokes }, { size: Number(element('size').value) });
  const milliseconds = Math.round(performance.now() - start);
  const canvas = element('stylized');
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext('2d').putImageData(picture, 0, 0);
  element('save').disabled = false;
  say('done', `${current.info.model} on ${device}: ${picture.width} × ${picture.height} in ${milliseconds} ms`);
}

async function take(name, blob) {
  try {
    if (name === 'model') {
      given.model = new Uint8Array(await blob.arrayBuffer());
      await forget();
    } else {
      given[name] = await createImageBitmap(blob); // upright, in sRGB
      element(`${name}-picture`).src = URL.createObjectURL(blob);
    }
  } catch {
    return say('error', `${blob.name ?? name} is not a picture this browser can read`);
  }
  update();
}

async function forget() {
  const old = stylizer;
  stylizer = null;
  if (!running) await old?.session.release();
}

for (const name of Object.keys(given)) {
  element(name).addEventListener('change', ({ target }) => {
    if (!target.files.length) return;
    element(`${name}-name`).textContent = target.files[0].name;
    take(name, target.files[0]);
  });
}
for (const id of ['alpha', 'strokes']) {
  element(id).addEventListener('input', ({ target }) => { element(`${id}-value`).value = target.value; });
  element(id).addEventListener('change', update);
}
element('size').addEventListener('change', update);
element('device').addEventListener('change', async () => { await forget(); update(); });
element('save').addEventListener('click', () => {
  element('stylized').toBlob((blob) => {
    const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: 'stylized.png' });
    link.click();
    URL.revokeObjectURL(link.href);
  });
});

const available = await devices();
element('device').replaceChildren(...available.map((name) => new Option(name)));
if (available.includes(settings.get('device'))) element('device').value = settings.get('device');
if (settings.has('model')) {
  const response = await fetch(settings.get('model'));
  if (response.ok) await take('model', await response.blob());
  else say('error', `no model at ${settings.get('model')} (${response.status})`);
} else {
  update();
}
document.body.dataset.ready = 'true';
