/**
 * Exits with 0 if the hub of this container admits new peers, otherwise with 1. Asks GET /readyz on loopback, over https
 * if the hub has a certificate. The name in the certificate does not matter here.
 */
import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';

const { DAT_ADMIN_PORT: port = '7402', DAT_TLS_CERT_FILE: certificate = '' } = process.env;
const request = certificate === '' ? overHttp : overHttps;
const ANSWER_MS = 2500;

request(
  { host: '127.0.0.1', port, path: '/readyz', rejectUnauthorized: false, timeout: ANSWER_MS },
  ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1),
)
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1))
  .end();
