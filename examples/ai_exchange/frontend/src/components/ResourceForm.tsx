import { useState } from 'react'
import { useNavigate } from 'react-router-dom'
import type { Resource, ResourceDraft } from '../api/types'
import { parseTags } from '../lib/format'
import { useSubmit } from '../lib/useSubmit'
import { BodyField } from './BodyField'
import { Field, FormError } from './Field'
import { KindPicker } from './KindPicker'

interface Props {
  initial?: Resource
  action: string
  save(draft: ResourceDraft): Promise<void>
}

export function ResourceForm({ initial, action, save }: Props) {
  const navigate = useNavigate()
  const [form, setForm] = useState(() => editable(initial))
  const { busy, error, submit } = useSubmit(() => save(draftOf(form)))
  const bind = (name: keyof Editable) => ({
    value: form[name],
    onChange: (event: { target: { value: string } }) =>
      setForm((before) => ({ ...before, [name]: event.target.value })),
  })
  return (
    <form className="form sheet" onSubmit={submit}>
      <FormError error={error} />
      <KindPicker {...bind('kind')} />
      <Field name="title" label="Title" error={error}>
        {(field) => <input {...field} {...bind('title')} required minLength={3} maxLength={200} />}
      </Field>
      <Field name="summary" label="Summary" hint="One or two sentences, shown in the list." error={error}>
        {(field) => <textarea {...field} {...bind('summary')} rows={2} required maxLength={500} />}
      </Field>
      <BodyField {...bind('body')} error={error} />
      <Field name="url" label="Link (optional)" error={error}>
        {(field) => <input {...field} {...bind('url')} type="url" placeholder="https://" />}
      </Field>
      <Field name="tags" label="Tags" hint="Separated by commas: summaries, legal, rag" error={error}>
        {(field) => <input {...field} {...bind('tags')} autoCapitalize="none" />}
      </Field>
      <div className="form__actions">
        <button className="button" disabled={busy}>
          {busy ? 'Saving…' : action}
        </button>
        <button type="button" className="button button--quiet" onClick={() => navigate(-1)}>
          Cancel
        </button>
      </div>
    </form>
  )
}

type Editable = Record<keyof ResourceDraft, string>

function editable(resource: Resource | undefined): Editable {
  return {
    kind: resource?.kind ?? 'PROMPT',
    title: resource?.title ?? '',
    summary: resource?.summary ?? '',
    body: resource?.body ?? '',
    url: resource?.url ?? '',
    tags: resource?.tags.join(', ') ?? '',
  }
}

function draftOf(form: Editable): ResourceDraft {
  return {
    kind: form.kind,
    title: form.title.trim(),
    summary: form.summary.trim(),
    body: form.body,
    url: form.url.trim() || null,
    tags: parseTags(form.tags),
  }
}
