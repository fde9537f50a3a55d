import { useState } from 'react'
import { Link, Navigate, useSearchParams } from 'react-router-dom'
import { api } from '../api/api'
import { nextPath } from '../auth/next'
import { useSession } from '../auth/session'
import { Field, FormError } from '../components/Field'
import { useMeta } from '../components/meta'
import { RoleField } from '../components/RoleField'
import { useSubmit } from '../lib/useSubmit'
import { useTitle } from '../lib/useTitle'

const EMPTY = { full_name: '', email: '', password: '', professional_role: '' }

export default function RegisterPage() {
  const { user, signIn } = useSession()
  const [query] = useSearchParams()
  const [form, setForm] = useState(EMPTY)
  const domains = useMeta().data?.allowed_domains ?? []
  const { busy, error, submit } = useSubmit(async () => {
    await api.register({ ...form, email: form.email.trim(), full_name: form.full_name.trim() })
    await signIn(form.email.trim(), form.password)
  })
  useTitle('Join')
  if (user) return <Navigate to={nextPath(query)} replace />
  const bind = (name: keyof typeof EMPTY) => ({
    required: true,
    value: form[name],
    onChange: (event: { target: { value: string } }) =>
      setForm((before) => ({ ...before, [name]: event.target.value })),
  })
  return (
    <div className="narrow">
      <h1>Join the exchange</h1>
      <p className="lead">Share what works, and ask for what you need.</p>
      <form className="form sheet" onSubmit={submit}>
        <FormError error={error} />
        <Field name="full_name" label="Full name" error={error}>
          {(field) => <input {...field} {...bind('full_name')} autoComplete="name" />}
        </Field>
        <Field name="email" label="E-mail" hint={domainHint(domains)} error={error}>
          {(field) => <input {...field} {...bind('email')} type="email" autoComplete="username" />}
        </Field>
        <RoleField
          value={form.professional_role}
          onChange={(role) => setForm((before) => ({ ...before, professional_role: role }))}
          error={error}
        />
        <Field name="password" label="Password" hint="At least 10 characters." error={error}>
          {(field) => (
            <input {...field} {...bind('password')} type="password" minLength={10} autoComplete="new-password" />
          )}
        </Field>
        <button className="button button--wide" disabled={busy}>
          {busy ? 'Joining…' : 'Join'}
        </button>
      </form>
      <p className="aside">
        Already a member? <Link to={`/login?${query}`}>Sign in</Link>
      </p>
    </div>
  )
}

function domainHint(domains: string[]): string | undefined {
  if (domains.length === 0) return undefined
  return `Open to addresses at ${domains.join(', ')}.`
}
