/**
 * Exits with 0 if the hub of this container admits new peers, otherwise with 1. Asks GET /readyz where the environment
 * says that the hub listens, over https if it has a certificate. The name in the certificate does not matter here. It
 * does not look into a config file: address, port and certificate of the container's hub belong into its environment.
 */
import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';

const { DAT_HOST: bound = '', DAT_ADMIN_PORT = '', DAT_TLS_CERT_FILE: certificate = '' } = process.env;
const port = DAT_ADMIN_PORT || '7402';
/** All addresses, and what is not set: loopback is among them. */
const host = ['', '0.0.0.0', '::'].includes(bound) ? '127.0.0.1' : bound;
const request = certificate === '' ? overHttp : overHttps;
const ANSWER_MS = 2500;

request({ host, port, path: '/readyz', rejectUnauthorized: false, timeout: ANSWER_MS }, ({ statusCode }) =>
  process.exit(statusCode === 200 ? 0 : 1),
)
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1))
  .end();
