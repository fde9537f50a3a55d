import { Link, NavLink, useLocation } from 'react-router-dom'
import { useSession } from '../auth/session'
import { appTitle } from '../settings'
import { Avatar } from './Byline'
import { Icon } from './Icon'
import { SearchForm } from './SearchForm'

export function Header() {
  return (
    <header className="header">
      <div className="header__inner">
        <Link to="/" className="brand">
          <Mark />
          <span className="brand__name">{appTitle}</span>
        </Link>
        <SearchForm />
        <nav className="header__nav" aria-label="Account">
          <Account />
        </nav>
      </div>
    </header>
  )
}

function Account() {
  const { user, settled, signOut } = useSession()
  const location = useLocation()
  if (!settled) return null
  if (!user) return <Guest from={location.pathname + location.search} />
  return (
    <>
      <Link className="button button--small" to="/new">
        <Icon name="plus" />
        Share
      </Link>
      <NavLink className="account" to="/me" title="Your profile">
        <Avatar name={user.full_name} />
        <span className="account__name">{user.full_name}</span>
      </NavLink>
      <button className="button button--quiet button--small header__sign-out" onClick={signOut}>
        Sign out
      </button>
    </>
  )
}

function Guest({ from }: { from: string }) {
  const next = /^\/(login|register)/.test(from) || from === '/' ? '' : `?next=${encodeURIComponent(from)}`
  return (
    <>
      <Link className="button button--quiet button--small" to={`/login${next}`}>
        Sign in
      </Link>
      <Link className="button button--small" to={`/register${next}`}>
        Join
      </Link>
    </>
  )
}

function Mark() {
  return (
    <svg className="brand__mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" />
      <path d="M8 12.5h14.5M18 8l4.5 4.5L18 17" />
      <path d="M24 19.5H9.5M14 15l-4.5 4.5L14 24" opacity=".72" />
    </svg>
  )
}
