/**
 * The client under its old name, `device-aggregator-tunnel/client`. It is the package `device-aggregator-tunnel-client`.
 * @module
 */
export * from '../../clients/js/src/index.ts';
