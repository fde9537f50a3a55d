import { useState } from 'react'
import type { ApiError } from '../api/error'
import { Field } from './Field'
import { Markdown } from './Markdown'

interface Props {
  value: string
  onChange(event: { target: { value: string } }): void
  error: ApiError | null
}

/** The Markdown text, with a preview exactly as readers will see it. */
export function BodyField({ value, onChange, error }: Props) {
  const [preview, setPreview] = useState(false)
  return (
    <div className="body-field">
      <button
        type="button"
        className="button button--quiet button--small body-field__switch"
        aria-pressed={preview}
        onClick={() => setPreview(!preview)}
      >
        {preview ? 'Write' : 'Preview'}
      </button>
      <Field name="body" label="Text" hint="Markdown: **bold**, lists, `code`, links." error={error}>
        {(field) =>
          preview ? (
            <div className="body-field__preview" id={field.id}>
              <Markdown text={value || '*Nothing written yet.*'} />
            </div>
          ) : (
            <textarea {...field} value={value} onChange={onChange} rows={12} required />
          )
        }
      </Field>
    </div>
  )
}
