/**
 * The peer to beat: one thread of uWebSockets.js that does as little as an event needs. It checks nothing of a frame,
 * greets nobody, and makes each event with a template around the frame's own text.
 */
import { App } from 'uWebSockets.js';
import { behaviourOf, follow, serve } from './uws-server.ts';

interface User {
  readonly id: string;
  seq: number;
}

const app = App();
const behaviour = behaviourOf<User>((id) => ({ id, seq: 0 }));

app.ws<User>('/v1/device', {
  ...behaviour,
  message(ws, bytes) {
    const user = ws.getUserData();
    user.seq += 1;
    const text = Buffer.from(bytes).toString('latin1');
    // `{"type":…,"data":…}`: what follows the brace is the rest of the event.
    app.publish(
      user.id,
      `{"op":"event","device":"${user.id}","source":"device","seq":${user.seq},"at":${Date.now()},"priority":"normal",${text.slice(1)}`,
    );
  },
});

app.ws<User>('/v1/subscribe', {
  ...behaviour,
  message: (ws, bytes) => follow(ws, bytes, (device) => device),
});

serve(app);
