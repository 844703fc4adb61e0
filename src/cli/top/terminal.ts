/** A whole terminal to draw on, and the keys that are pressed there. */

const ALTERNATE_ON = '\u001b[?1049h';
const ALTERNATE_OFF = '\u001b[?1049l';
const CURSOR_OFF = '\u001b[?25l';
const CURSOR_ON = '\u001b[?25h';
/** Lines that are too long are cut, not wrapped. */
const WRAP_OFF = '\u001b[?7l';
const WRAP_ON = '\u001b[?7h';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
/** Where the terminal does not say how high it is. */
const ROWS_UNKNOWN = 24;
const CTRL_C = '\u0003';

export class Terminal {
  #lines: readonly string[] = [];
  #footer = '';
  #isOpen = false;
  readonly #pressed: (key: string) => void;
  readonly #redraw = (): void => this.draw(this.#lines, this.#footer);
  readonly #close = (): void => this.close();

  /** @param pressed is told each key; Ctrl-C arrives as `q` */
  constructor(pressed: (key: string) => void) {
    this.#pressed = pressed;
  }

  open(): void {
    this.#isOpen = true;
    process.stdout.write(ALTERNATE_ON + CURSOR_OFF + WRAP_OFF);
    process.stdout.on('resize', this.#redraw);
    process.once('exit', this.#close); // whatever ends the process, the terminal is given back
    const { stdin } = process;
    if (stdin.isTTY !== true) return;
    stdin.setRawMode(true).setEncoding('utf8').on('data', this.#read).resume();
  }

  /** Lines that have no room above the footer are left out. */
  draw(lines: readonly string[], footer: string): void {
    if (!this.#isOpen) return;
    this.#lines = lines;
    this.#footer = footer;
    const room = Math.max(0, (process.stdout.rows || ROWS_UNKNOWN) - 2);
    const shown = [...lines.slice(0, room), '', footer];
    const text = shown.map((line) => line + CLEAR_LINE).join('\r\n');
    process.stdout.write(HOME + text + CLEAR_BELOW);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.stdout.off('resize', this.#redraw).write(WRAP_ON + CURSOR_ON + ALTERNATE_OFF);
    process.off('exit', this.#close);
    const { stdin } = process;
    if (stdin.isTTY === true) stdin.setRawMode(false).off('data', this.#read).pause();
  }

  readonly #read = (text: string): void => {
    for (const key of text) this.#pressed(key === CTRL_C ? 'q' : key);
  };
}
