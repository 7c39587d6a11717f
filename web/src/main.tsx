import { render } from 'preact';
import { App } from './page/app';
import { currentLanguage, setLanguage } from './page/strings';
import './style.css';

/** Start the service worker; where the host does not isolate the page, load it again with the worker's headers. */
async function isolate(): Promise<boolean> {
  if (import.meta.env.DEV || !navigator.serviceWorker) return false;
  await navigator.serviceWorker.register('sw.js');
  if (self.crossOriginIsolated || navigator.serviceWorker.controller || sessionStorage.getItem('again')) return false;
  await navigator.serviceWorker.ready;
  sessionStorage.setItem('again', 'yes');
  location.reload();
  return true;
}

setLanguage(currentLanguage());
const again = await isolate().catch(() => false); // without a service worker the page works too
if (!again) render(<App />, document.getElementById('app')!);
