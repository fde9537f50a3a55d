/** The exchange's own facts (kinds, roles, counts), loaded once and after each change. */
import { createContext, useContext, type ReactNode } from 'react'
import { api } from '../api/api'
import type { Meta, Option } from '../api/types'
import { humanise } from '../lib/format'
import { useLoad, type Loaded } from '../lib/useLoad'

const MetaContext = createContext<Loaded<Meta> | null>(null)

export function MetaProvider({ children }: { children: ReactNode }) {
  const meta = useLoad('meta', api.meta)
  return <MetaContext value={meta}>{children}</MetaContext>
}

export function useMeta(): Loaded<Meta> {
  const value = useContext(MetaContext)
  if (!value) throw new Error('useMeta is used outside MetaProvider')
  return value
}

export function useRoleLabel(role: string): string {
  return labelOf(role, useMeta().data?.professional_roles)
}

export function useKindLabel(kind: string): string {
  return labelOf(kind, useMeta().data?.kinds)
}

function labelOf(value: string, options: Option[] | undefined): string {
  return options?.find((option) => option.value === value)?.label ?? humanise(value)
}
