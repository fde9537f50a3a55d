import { useId, type ReactNode } from 'react'
import type { ApiError } from '../api/error'

/** What an input must carry so that its label, hint and error belong to it. */
export interface FieldProps {
  id: string
  name: string
  'aria-invalid'?: true
  'aria-describedby'?: string
}

interface Props {
  name: string
  label: string
  hint?: string
  error?: ApiError | null
  children(field: FieldProps): ReactNode
}

export function Field({ name, label, hint, error, children }: Props) {
  const id = useId()
  const wrong = error?.fields[name]
  const described = [hint && `${id}-hint`, wrong && `${id}-error`].filter(Boolean).join(' ')
  const field: FieldProps = { id, name }
  if (wrong) field['aria-invalid'] = true
  if (described) field['aria-describedby'] = described
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(field)}
      {hint && <p id={`${id}-hint`} className="field__hint">{hint}</p>}
      {wrong && <p id={`${id}-error`} className="field__error">{wrong}</p>}
    </div>
  )
}

export function FormError({ error }: { error: ApiError | null }) {
  return (
    <div role="alert" className="form-error" hidden={!error}>
      {error?.message}
    </div>
  )
}
