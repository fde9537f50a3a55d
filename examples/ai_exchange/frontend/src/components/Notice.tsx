import type { ReactNode } from 'react'
import { useNavigate } from 'react-router-dom'
import type { ApiError } from '../api/error'
import { Icon, type IconName } from './Icon'

/** A state of a whole page or region: empty, failed, not found. */
export function Notice(props: { title: string; icon: IconName; children?: ReactNode }) {
  return (
    <section className="notice">
      <span className="notice__icon">
        <Icon name={props.icon} />
      </span>
      <h2>{props.title}</h2>
      {props.children}
    </section>
  )
}

export function LoadFailed({ error, retry }: { error: ApiError; retry(): void }) {
  const navigate = useNavigate()
  if (error.status === 404) {
    return (
      <Notice title="This is not here any more" icon="empty">
        <p>It may have been removed by its author, or the link is mistyped.</p>
        <button className="button" onClick={() => navigate('/')}>
          See all resources
        </button>
      </Notice>
    )
  }
  return (
    <div role="alert">
      <Notice title="This could not be loaded" icon="alert">
        <p>{error.message}</p>
        <button className="button" onClick={retry}>
          Try again
        </button>
      </Notice>
    </div>
  )
}
