/** Starts the page. */
import { render } from 'preact';
import './style.css';
import { App } from './app.tsx';
import { applyTheme, storedTheme } from './theme.ts';

applyTheme(storedTheme());
const root = document.getElementById('app')!;
root.replaceChildren(); // what stands there until this runs
render(<App />, root);
