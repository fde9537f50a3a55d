import { Link, useLocation, useNavigate, useParams } from 'react-router-dom'
import { api } from '../api/api'
import type { Resource } from '../api/types'
import { useSession } from '../auth/session'
import { Byline, When } from '../components/Byline'
import { Comments } from '../components/Comments'
import { DeleteButton } from '../components/DeleteButton'
import { Icon } from '../components/Icon'
import { KindBadge } from '../components/Kind'
import { Markdown } from '../components/Markdown'
import { useMeta } from '../components/meta'
import { LoadFailed } from '../components/Notice'
import { Skeleton } from '../components/Skeleton'
import { TagList } from '../components/TagList'
import { hostOf } from '../lib/format'
import { useLoad } from '../lib/useLoad'
import { useTitle } from '../lib/useTitle'

export default function ResourcePage() {
  const { id = '' } = useParams()
  const { data, error, reload } = useLoad(id, (signal) => api.resource(id, signal))
  useTitle(error?.status === 404 ? 'Not found' : data?.title)
  if (error) return <LoadFailed error={error} retry={reload} />
  if (!data) return <Skeleton lines={9} />
  return (
    <div className="reading">
      <BackLink />
      <article className="sheet">
        <ResourceHead resource={data} />
        <Markdown text={data.body} />
        {data.url && <Source url={data.url} />}
        <TagList tags={data.tags} />
      </article>
      <Comments resource={data} />
    </div>
  )
}

function ResourceHead({ resource }: { resource: Resource }) {
  const { user } = useSession()
  return (
    <header className="sheet__head">
      <div className="sheet__top">
        <KindBadge kind={resource.kind} />
        {user?.id === resource.author.id && <AuthorTools resource={resource} />}
      </div>
      <h1>{resource.title}</h1>
      <p className="lead">{resource.summary}</p>
      <div className="sheet__meta">
        <Link to={`/?author=${resource.author.id}`} title={`All by ${resource.author.full_name}`}>
          <Byline author={resource.author} />
        </Link>
        <span className="muted">
          Shared <When time={resource.created_at} />
          {resource.updated_at !== resource.created_at && (
            <>
              {' · '}edited <When time={resource.updated_at} />
            </>
          )}
        </span>
      </div>
    </header>
  )
}

function AuthorTools({ resource }: { resource: Resource }) {
  const navigate = useNavigate()
  const meta = useMeta()
  async function remove() {
    await api.deleteResource(resource.id)
    meta.reload()
    navigate('/')
  }
  return (
    <span className="tools">
      <Link className="button button--quiet button--small" to={`/resources/${resource.id}/edit`}>
        <Icon name="edit" />
        Edit
      </Link>
      <DeleteButton what="resource" act={remove} />
    </span>
  )
}

function Source({ url }: { url: string }) {
  // The server checks URLs too; a link that runs script must not depend on it.
  if (!/^https?:\/\//i.test(url)) return null
  return (
    <a className="source" href={url} rel="noopener noreferrer nofollow">
      <Icon name="link" />
      <span>
        Open at <strong>{hostOf(url)}</strong>
      </span>
    </a>
  )
}

function BackLink() {
  // The list's own address (filters, page) is one step back when we came from it.
  const arrivedHere = useLocation().key === 'default'
  const navigate = useNavigate()
  if (arrivedHere) {
    return (
      <Link className="back" to="/">
        <Icon name="back" />
        All resources
      </Link>
    )
  }
  return (
    <button className="back" onClick={() => navigate(-1)}>
      <Icon name="back" />
      Back
    </button>
  )
}
