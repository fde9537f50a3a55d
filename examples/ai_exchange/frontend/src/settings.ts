/** What the build baked in; an empty value counts as not set. */
export const appTitle = import.meta.env.VITE_APP_TITLE || 'AI Exchange'
export const apiOrigin = (import.meta.env.VITE_API_URL ?? '').replace(/\/+$/, '')
