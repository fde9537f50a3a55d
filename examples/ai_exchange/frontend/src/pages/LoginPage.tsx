import { useState } from 'react'
import { Link, Navigate, useSearchParams } from 'react-router-dom'
import { nextPath } from '../auth/next'
import { useSession } from '../auth/session'
import { Field, FormError } from '../components/Field'
import { useSubmit } from '../lib/useSubmit'
import { useTitle } from '../lib/useTitle'
import { appTitle } from '../settings'

export default function LoginPage() {
  const { user, signIn } = useSession()
  const [query] = useSearchParams()
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const { busy, error, submit } = useSubmit(() => signIn(email.trim(), password))
  useTitle('Sign in')
  if (user) return <Navigate to={nextPath(query)} replace />
  return (
    <div className="narrow">
      <h1>Sign in</h1>
      <p className="lead">Welcome back to {appTitle}.</p>
      <form className="form sheet" onSubmit={submit}>
        <FormError error={error} />
        <Field name="email" label="E-mail" error={error}>
          {(field) => (
            <input
              {...field}
              type="email"
              autoComplete="username"
              required
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
          )}
        </Field>
        <Field name="password" label="Password" error={error}>
          {(field) => (
            <input
              {...field}
              type="password"
              autoComplete="current-password"
              required
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          )}
        </Field>
        <button className="button button--wide" disabled={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
      </form>
      <p className="aside">
        New here? <Link to={`/register?${query}`}>Join the exchange</Link>
      </p>
    </div>
  )
}
