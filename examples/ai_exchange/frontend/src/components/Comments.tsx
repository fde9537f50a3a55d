import { useState } from 'react'
import { Link } from 'react-router-dom'
import { api } from '../api/api'
import type { Comment, Resource } from '../api/types'
import { useSession } from '../auth/session'
import { plural } from '../lib/format'
import { useLoad } from '../lib/useLoad'
import { Byline, When } from './Byline'
import { CommentForm } from './CommentForm'
import { DeleteButton } from './DeleteButton'
import { LoadFailed } from './Notice'
import { Skeleton } from './Skeleton'

export function Comments({ resource }: { resource: Resource }) {
  const { user, settled } = useSession()
  const [page, setPage] = useState(1)
  const { data, error, reload } = useLoad(`${resource.id}/${page}`, (signal) =>
    api.comments(resource.id, page, signal),
  )
  // Oldest first: a new comment is at the end, maybe on a page of its own.
  function showNewest() {
    const last = data ? Math.ceil((data.total + 1) / data.size) : 1
    if (last === page) reload()
    else setPage(last)
  }
  return (
    <section className="comments" aria-labelledby="comments-heading">
      <h2 id="comments-heading">{data?.total ? plural(data.total, 'comment') : 'Comments'}</h2>
      {error && <LoadFailed error={error} retry={reload} />}
      {!data && !error && <Skeleton lines={4} />}
      {data?.total === 0 && <p className="muted">No comments yet.</p>}
      <ol className="comments__list">
        {data?.items.map((comment) => (
          <CommentItem key={comment.id} comment={comment} onDeleted={reload} />
        ))}
      </ol>
      {data && <Turn page={page} pages={data.pages} turn={setPage} />}
      {user && <CommentForm resourceId={resource.id} onSent={showNewest} />}
      {settled && !user && <SignInToComment id={resource.id} />}
    </section>
  )
}

function CommentItem({ comment, onDeleted }: { comment: Comment; onDeleted(): void }) {
  const { user } = useSession()
  async function remove() {
    await api.deleteComment(comment.id)
    onDeleted()
  }
  return (
    <li className="comment">
      <div className="comment__head">
        <Byline author={comment.author} />
        <span className="comment__side">
          <When time={comment.created_at} />
          {user?.id === comment.author.id && <DeleteButton what="comment" act={remove} />}
        </span>
      </div>
      <p className="comment__body">{comment.body}</p>
    </li>
  )
}

function Turn(props: { page: number; pages: number; turn(page: number): void }) {
  if (props.pages <= 1) return null
  return (
    <div className="turn">
      <button
        className="button button--quiet button--small"
        disabled={props.page <= 1}
        onClick={() => props.turn(props.page - 1)}
      >
        Earlier
      </button>
      <span className="muted">
        {props.page} of {props.pages}
      </span>
      <button
        className="button button--quiet button--small"
        disabled={props.page >= props.pages}
        onClick={() => props.turn(props.page + 1)}
      >
        Later
      </button>
    </div>
  )
}

function SignInToComment({ id }: { id: string | number }) {
  return (
    <p className="panel panel--tinted">
      <Link to={`/login?next=${encodeURIComponent(`/resources/${id}`)}`}>Sign in</Link> to add your
      experience.
    </p>
  )
}
