/** The routes of the admin API, as it describes them itself. No assertions. */

/**
 * @param document from `/openapi.json`
 * @returns each route's method and path, with ids of nobody in it
 */
export function routesOf(document: unknown): (readonly [method: string, path: string])[] {
  const { paths } = document as { readonly paths: Readonly<Record<string, object>> };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(
      (method) => [method.toUpperCase(), path.replace(/\{[^}]*\}/g, 'nobody')] as const,
    ),
  );
}
