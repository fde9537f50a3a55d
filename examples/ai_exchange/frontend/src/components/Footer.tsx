import { appTitle } from '../settings'

export function Footer() {
  return (
    <footer className="footer">
      <p>{appTitle}: what works, shared among colleagues.</p>
      <a href="/health/db">Status</a>
    </footer>
  )
}
