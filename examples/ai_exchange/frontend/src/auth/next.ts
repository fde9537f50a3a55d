/** Where to go after signing in: a path of this site only, never another origin. */
export function nextPath(query: URLSearchParams): string {
  const next = query.get('next') ?? '/'
  return /^\/(?![/\\])/.test(next) ? next : '/'
}
