/** Pages that need nothing else: style and plots are in them. */

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d5d8de, #3a3f4a); --dim: light-dark(#667, #99a); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 2rem auto; padding: 0 1rem;
  background: light-dark(#fff, #14161a); color: light-dark(#1b1e24, #e6e8ec); }
h2 { margin: 2.5rem 0 0.2rem; } p { margin: 0.2rem 0 1rem; color: var(--dim); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } th { color: var(--dim); font-weight: 500; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; } svg { flex: 1 1 480px; max-width: 530px; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; } .axis { stroke: var(--line); }
.dim { fill: var(--dim) !important; } .miss { color: light-dark(#b3261e, #ff8a80); font-weight: 600; }
.note { color: var(--dim); font-size: 0.9em; }`;

export const COLOURS = ['#2f7de1', '#e8710a', '#7a52c7', '#c2185b', '#00897b', '#8d6e63', '#6b7785'];

/** Of every plot; the room for its labels. */
export const WIDTH = 530;
export const HEIGHT = 250;
export const LEFT = 70;
export const RIGHT = 100;
export const TOP = 34;
export const BOTTOM = 36;

/** @param body HTML */
export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${STYLE}</style>
${body}
</html>
`;
}

/** A plot. @param marks SVG elements */
export function frame(title: string, marks: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">
<text x="${LEFT}" y="16">${escapeHtml(title)}</text>${marks.join('\n')}</svg>`;
}

/** Labels on the left for 0, half and all of `max`. */
export function yTicks(max: number): string[] {
  return [0, 0.5, 1].map((share) => {
    const y = HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
    return `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/>
<text class="dim" x="${LEFT - 6}" y="${y + 4}" text-anchor="end">${short(share * max)}</text>`;
  });
}

/** A number in as few characters as an axis has room for: `1.2 M`, `340 k`, `950`. */
export function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  return value >= 1e4 ? `${(value / 1e3).toFixed(0)} k` : value.toFixed(0);
}

/** Text as it may stand between tags and in attributes. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  };
  return text.replace(/[&<>"]/g, (character) => entities[character]!);
}
