import type { ApiError } from '../api/error'
import { Field } from './Field'
import { useMeta } from './meta'

interface Props {
  value: string
  onChange(role: string): void
  error: ApiError | null
}

export function RoleField({ value, onChange, error }: Props) {
  const roles = useMeta().data?.professional_roles ?? []
  return (
    <Field name="professional_role" label="Professional role" error={error}>
      {(field) => (
        <select {...field} required value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="" disabled>
            Choose…
          </option>
          {roles.map((role) => (
            <option key={role.value} value={role.value}>
              {role.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}
