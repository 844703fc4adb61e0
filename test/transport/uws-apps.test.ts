import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AppLoad, UwsApps } from '../../src/transport/uws-apps.ts';

class FakeApp {
  readonly published: string[] = [];
  isOpen = true;
  readonly certificate: string;
  readonly load: AppLoad;

  constructor(certificate: string, load: AppLoad) {
    this.certificate = certificate;
    this.load = load;
  }

  publish(topic: string): void {
    this.published.push(topic);
  }

  close(): void {
    this.isOpen = false;
  }
}

const apps = () => new UwsApps((certificate: string, load) => new FakeApp(certificate, load), 'one');

describe('the apps of an endpoint', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('are one until the certificate is replaced; then the newest gets the connections', () => {
    const all = apps();
    const first = all.current;
    expect([all.count, first.certificate]).toEqual([1, 'one']);
    expect(all.replace('two')).toBe(first);
    expect([all.count, all.current.certificate]).toEqual([2, 'two']);
  });

  it('all get what is published, as long as there are connections', () => {
    const all = apps();
    const first = all.current;
    first.load.connections = 1;
    all.replace('two');
    all.publish('t', new Uint8Array(1), false);
    expect([first.published, all.current.published]).toEqual([['t'], []]);
    all.current.load.connections = 1;
    all.publish('u', new Uint8Array(1), false);
    expect([first.published, all.current.published]).toEqual([['t', 'u'], ['u']]);
    vi.advanceTimersByTime(3_600_000);
    expect(first.isOpen).toBe(true);
    first.load.connections = 0;
    vi.advanceTimersByTime(60_000);
    expect([first.isOpen, all.count]).toEqual([false, 1]);
  });

  it('stay as they are when the certificate cannot be used', () => {
    const all = new UwsApps((certificate: string, load) => {
      if (certificate === 'bad') throw new Error('no');
      return new FakeApp(certificate, load);
    }, 'one');
    const { current } = all;
    expect(() => all.replace('bad')).toThrow('no');
    expect([all.current, all.count]).toEqual([current, 1]);
  });

  it('close together', () => {
    const all = apps();
    const first = all.current;
    all.replace('two');
    all.close();
    expect([first.isOpen, all.current.isOpen]).toEqual([false, false]);
  });
});
