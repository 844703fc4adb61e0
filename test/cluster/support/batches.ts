/** Records written into memory of the test's own, without a session. */

import { align, HEAD_BYTES, RECORD_HEAD_BYTES, type RecordSink, viewsOf } from '../../../src/cluster/wire.ts';
import type { RecordViews } from '../../../src/memory/ring.ts';

/** A batch under way; its head is left empty. */
export class BatchWriter implements RecordSink {
  views: RecordViews;
  used = HEAD_BYTES;

  constructor(bytes = 1024 * 1024) {
    this.views = viewsOf(bytes);
  }

  claim(kind: number, bytes: number): number {
    const at = this.used;
    this.used += RECORD_HEAD_BYTES + align(bytes);
    this.views.u32[at >> 2] = kind;
    this.views.u32[(at >> 2) + 1] = bytes;
    return at + RECORD_HEAD_BYTES;
  }
}
