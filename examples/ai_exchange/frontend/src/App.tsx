import { lazy, Suspense } from 'react'
import { Route, Routes, useLocation } from 'react-router-dom'
import { RequireUser } from './auth/RequireUser'
import { SessionProvider } from './auth/session'
import { Boundary } from './components/Boundary'
import { Footer } from './components/Footer'
import { Header } from './components/Header'
import { MetaProvider } from './components/meta'
import { Skeleton } from './components/Skeleton'
import { useArrival } from './lib/useArrival'
import { ListPage } from './pages/ListPage'
import { NotFoundPage } from './pages/NotFoundPage'

// Only the list is in the first bundle; each other page is fetched when it is opened.
const ResourcePage = lazy(() => import('./pages/ResourcePage'))
const EditorPage = lazy(() => import('./pages/EditorPage'))
const LoginPage = lazy(() => import('./pages/LoginPage'))
const RegisterPage = lazy(() => import('./pages/RegisterPage'))
const ProfilePage = lazy(() => import('./pages/ProfilePage'))

export function App() {
  return (
    <SessionProvider>
      <MetaProvider>
        <a className="skip-link" href="#main">
          Skip to content
        </a>
        <Header />
        <Main />
        <Footer />
      </MetaProvider>
    </SessionProvider>
  )
}

function Main() {
  const { pathname } = useLocation()
  const main = useArrival(pathname)
  return (
    <main id="main" className="page" tabIndex={-1} ref={main}>
      <Boundary key={pathname}>
        <Suspense fallback={<Skeleton lines={8} />}>
          <Pages />
        </Suspense>
      </Boundary>
    </main>
  )
}

function Pages() {
  return (
    <Routes>
      <Route path="/" element={<ListPage />} />
      <Route path="/resources/:id" element={<ResourcePage />} />
      <Route path="/new" element={<RequireUser><EditorPage /></RequireUser>} />
      <Route path="/resources/:id/edit" element={<RequireUser><EditorPage /></RequireUser>} />
      <Route path="/login" element={<LoginPage />} />
      <Route path="/register" element={<RegisterPage />} />
      <Route path="/me" element={<RequireUser><ProfilePage /></RequireUser>} />
      <Route path="*" element={<NotFoundPage />} />
    </Routes>
  )
}
