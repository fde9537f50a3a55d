import { useState } from 'react'
import { Link } from 'react-router-dom'
import { api } from '../api/api'
import type { User } from '../api/types'
import { useSession } from '../auth/session'
import { Avatar, When } from '../components/Byline'
import { Field, FormError } from '../components/Field'
import { LoadFailed } from '../components/Notice'
import { ResourceCard } from '../components/ResourceCard'
import { RoleField } from '../components/RoleField'
import { CardSkeletons } from '../components/Skeleton'
import { useLoad } from '../lib/useLoad'
import { useSubmit } from '../lib/useSubmit'
import { useTitle } from '../lib/useTitle'

export default function ProfilePage() {
  const { user, signOut } = useSession()
  useTitle('Your profile')
  // RequireUser stands before this page; between signing out and leaving there is no user.
  if (!user) return null
  return (
    <>
      <header className="profile">
        <Avatar name={user.full_name} />
        <div>
          <h1>{user.full_name}</h1>
          <p className="muted">
            {user.email} · member since <When time={user.created_at} />
          </p>
        </div>
        <button className="button button--quiet button--small profile__sign-out" onClick={signOut}>
          Sign out
        </button>
      </header>
      <div className="columns columns--even">
        <section className="columns__main" aria-labelledby="shared-heading">
          <h2 id="shared-heading">What you shared</h2>
          <Shared user={user} />
        </section>
        <aside className="columns__side">
          <ProfileForm user={user} />
        </aside>
      </div>
    </>
  )
}

function Shared({ user }: { user: User }) {
  const query = `?author=${user.id}&size=6`
  const { data, error, reload } = useLoad(query, (signal) => api.resources(query, signal))
  if (error) return <LoadFailed error={error} retry={reload} />
  if (!data) return <CardSkeletons count={2} />
  if (data.total === 0) {
    return (
      <p className="muted">
        Nothing yet. <Link to="/new">Share your first resource</Link>
      </p>
    )
  }
  return (
    <>
      <div className="cards">
        {data.items.map((resource) => (
          <ResourceCard key={resource.id} resource={resource} />
        ))}
      </div>
      {data.pages > 1 && <Link className="aside" to={`/?author=${user.id}`}>See all {data.total}</Link>}
    </>
  )
}

function ProfileForm({ user }: { user: User }) {
  const { replaceUser } = useSession()
  const [fullName, setFullName] = useState(user.full_name)
  const [role, setRole] = useState(user.professional_role)
  const [saved, setSaved] = useState(false)
  const { busy, error, submit } = useSubmit(async () => {
    setSaved(false)
    replaceUser(await api.updateMe({ full_name: fullName.trim(), professional_role: role }))
    setSaved(true)
  })
  return (
    <form className="form panel" onSubmit={submit}>
      <h2>Your details</h2>
      <FormError error={error} />
      <Field name="full_name" label="Full name" error={error}>
        {(field) => (
          <input
            {...field}
            required
            autoComplete="name"
            value={fullName}
            onChange={(event) => setFullName(event.target.value)}
          />
        )}
      </Field>
      <RoleField value={role} onChange={setRole} error={error} />
      <div className="form__actions">
        <button className="button" disabled={busy}>
          {busy ? 'Saving…' : 'Save'}
        </button>
        <span role="status" className="muted">
          {saved && 'Saved.'}
        </span>
      </div>
    </form>
  )
}
