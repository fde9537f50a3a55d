import { useEffect } from 'react'
import { appTitle } from '../settings'

/** Name the page in the tab: "Prompt library · AI Exchange". */
export function useTitle(page?: string): void {
  useEffect(() => {
    document.title = page ? `${page} · ${appTitle}` : appTitle
  }, [page])
}
