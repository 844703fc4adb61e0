/**
 * The worker that the pages of one browser share: it holds the live stream, so that many tabs take one connection. A
 * browser opens six to a host, and a seventh tab with a stream of its own would get no answer at all.
 */
import { ANSWER_MS_MAX, ASK_MS, type FromPage, type ToPage } from './live-messages.ts';
import { LiveShare, type Viewer } from './live-share.ts';

interface Page {
  readonly viewer: Viewer;
  /** The share that it looks through. */
  share: LiveShare | undefined;
  heardAtMs: number;
}

/** By token: another token may see something else. */
const shares = new Map<string, LiveShare>();
const pages = new Map<MessagePort, Page>();

addEventListener('connect', (event) => {
  const port = (event as MessageEvent).ports[0]!;
  const tell = (message: ToPage): void => port.postMessage(message);
  port.onmessage = ({ data }: MessageEvent<FromPage>) => {
    const page = pages.get(port) ?? { viewer: tell, share: undefined, heardAtMs: 0 };
    page.heardAtMs = performance.now();
    if (data.kind === 'look') {
      const share = shares.get(data.token) ?? new LiveShare(data.token);
      shares.set(data.token, share);
      if (page.share !== share) page.share?.leave(page.viewer);
      page.share = share;
      pages.set(port, page);
      share.look(page.viewer, data.subject);
    } else if (data.kind === 'leave') forget(port);
  };
});

/** Nothing tells that a page has gone or was frozen: it is asked, and does not answer. */
setInterval(() => {
  const now = performance.now();
  for (const [port, { heardAtMs }] of pages) {
    if (now - heardAtMs > ANSWER_MS_MAX) forget(port);
    else port.postMessage({ kind: 'ask' } satisfies ToPage);
  }
  for (const [token, share] of shares) if (share.isUnused) shares.delete(token);
}, ASK_MS);

function forget(port: MessagePort): void {
  const page = pages.get(port);
  pages.delete(port);
  page?.share?.leave(page.viewer);
}
