import { render } from 'preact';
import { App } from './page/app';
import { currentLanguage, setLanguage } from './page/strings';
import './style.css';

/** Start the service worker; where the host does not isolate the page, load it again with the worker's headers. */
async function isolate(): Promise<boolean> {
  if (import.meta.env.DEV || !navigator.serviceWorker) return false;
  const registration = await navigator.serviceWorker.register('sw.js');
  if (self.crossOriginIsolated || navigator.serviceWorker.controller || sessionStorage.getItem('again')) return false;
  if (!(await activated(registration))) return false;
  sessionStorage.setItem('again', 'yes');
  location.reload();
  return true;
}

/** Wait until the service worker has what it needs; false if it could not be installed. */
function activated({ installing, waiting, active }: ServiceWorkerRegistration): Promise<boolean> {
  const worker = (installing ?? waiting ?? active)!;
  return new Promise((resolve) => {
    const look = () => {
      if (worker.state === 'activated' || worker.state === 'redundant') resolve(worker.state === 'activated');
    };
    worker.addEventListener('statechange', look);
    look();
  });
}

setLanguage(currentLanguage());
const again = await isolate().catch(() => false); // without a service worker the page works too
const app = document.getElementById('app')!;
if (!again) {
  app.textContent = '';
  render(<App />, app);
}
