import type { ReactNode } from 'react'
import { useNavigate } from 'react-router-dom'
import type { ApiError } from '../api/error'
import { Icon, type IconName } from './Icon'

interface Props {
  title: string
  icon: IconName
  /** It is all that the page has to say, so its title is the page's heading. */
  alone?: boolean
  children?: ReactNode
}

/** A state of a whole page or region: empty, failed, not found. */
export function Notice(props: Props) {
  const Heading = props.alone ? 'h1' : 'h2'
  return (
    <section className="notice">
      <span className="notice__icon">
        <Icon name={props.icon} />
      </span>
      <Heading>{props.title}</Heading>
      {props.children}
    </section>
  )
}

export function LoadFailed({ error, retry }: { error: ApiError; retry(): void }) {
  const navigate = useNavigate()
  if (error.status === 404) {
    return (
      <Notice alone title="This is not here any more" icon="empty">
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
