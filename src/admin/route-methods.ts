/**
 * Which methods a path has, for the refusal of one that it has not. Fastify answers 404 then, and tells only of route
 * patterns, not of paths, what they have.
 */
export class RouteMethods {
  readonly #routes: { readonly pattern: RegExp; readonly methods: string[] }[] = [];

  /** @param url a route's path with its `:parameters` */
  add(url: string, method: string | readonly string[]): void {
    const pattern = new RegExp(`^${url.replace(/:[a-z]+/g, '[^/]+').replaceAll('.', '\\.')}$`);
    const known = this.#routes.find((route) => route.pattern.source === pattern.source);
    const methods = [method].flat();
    if (known === undefined) this.#routes.push({ pattern, methods });
    else known.methods.push(...methods);
  }

  /** @returns the methods of the path, as in an Allow header; '' when no route has it */
  of(path: string): string {
    const methods = this.#routes
      .filter(({ pattern }) => pattern.test(path))
      .flatMap((route) => route.methods);
    return [...new Set(methods)].join(', ');
  }
}
