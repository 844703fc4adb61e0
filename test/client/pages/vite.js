// A page's module that takes the client by its name, for a bundler to find.
export * from 'device-aggregator-tunnel-client';
