import { useState } from 'react'
import { api } from '../api/api'
import { useSubmit } from '../lib/useSubmit'
import { Field, FormError } from './Field'

export function CommentForm({ resourceId, onSent }: { resourceId: string | number; onSent(): void }) {
  const [body, setBody] = useState('')
  const { busy, error, submit } = useSubmit(async () => {
    await api.createComment(resourceId, body.trim())
    setBody('')
    onSent()
  })
  return (
    <form className="form comment-form" onSubmit={submit}>
      <FormError error={error} />
      <Field name="body" label="Add a comment" error={error}>
        {(field) => (
          <textarea
            {...field}
            rows={3}
            required
            placeholder="Did it work for you? What would you change?"
            value={body}
            onChange={(event) => setBody(event.target.value)}
          />
        )}
      </Field>
      <button className="button" disabled={busy || !body.trim()}>
        {busy ? 'Sending…' : 'Comment'}
      </button>
    </form>
  )
}
