/**
 * `device-aggregator-tunnel/client`: re-exports the package `device-aggregator-tunnel-client`.
 * @module
 */
export * from '../../clients/js/src/index.ts';
