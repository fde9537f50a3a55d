import { Link } from 'react-router-dom'
import type { Resource } from '../api/types'
import { plural } from '../lib/format'
import { Byline, When } from './Byline'
import { Icon } from './Icon'
import { KindBadge } from './Kind'
import { TagList } from './TagList'

export function ResourceCard({ resource }: { resource: Resource }) {
  return (
    <article className="card" data-kind={resource.kind}>
      <div className="card__top">
        <KindBadge kind={resource.kind} />
        <When time={resource.created_at} />
      </div>
      <h2 className="card__title">
        <Link to={`/resources/${resource.id}`}>{resource.title}</Link>
      </h2>
      <p className="card__summary">{resource.summary}</p>
      <TagList tags={resource.tags.slice(0, 4)} />
      <div className="card__foot">
        <Byline author={resource.author} />
        <span className="count" title={plural(resource.comment_count, 'comment')}>
          <Icon name="chat" />
          <span aria-hidden="true">{resource.comment_count}</span>
          <span className="visually-hidden">{plural(resource.comment_count, 'comment')}</span>
        </span>
      </div>
    </article>
  )
}
