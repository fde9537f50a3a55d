import { useNavigate, useParams } from 'react-router-dom'
import { api } from '../api/api'
import type { Resource, ResourceDraft } from '../api/types'
import { useSession } from '../auth/session'
import { Notice, LoadFailed } from '../components/Notice'
import { useMeta } from '../components/meta'
import { ResourceForm } from '../components/ResourceForm'
import { Skeleton } from '../components/Skeleton'
import { useLoad } from '../lib/useLoad'
import { useTitle } from '../lib/useTitle'

/** `/new` and `/resources/:id/edit`. */
export default function EditorPage() {
  const { id } = useParams()
  return id === undefined ? <Create /> : <Edit key={id} id={id} />
}

function Create() {
  const navigate = useNavigate()
  const meta = useMeta()
  useTitle('Share a resource')
  async function save(draft: ResourceDraft) {
    const resource = await api.createResource(draft)
    meta.reload()
    navigate(`/resources/${resource.id}`)
  }
  return (
    <div className="reading">
      <h1>Share a resource</h1>
      <p className="lead">Say what it is good for, and where it failed you.</p>
      <ResourceForm save={save} action="Share" />
    </div>
  )
}

function Edit({ id }: { id: string }) {
  const { data, error, reload } = useLoad(id, (signal) => api.resource(id, signal))
  const { user } = useSession()
  useTitle(data ? `Edit ${data.title}` : 'Edit')
  if (error) return <LoadFailed error={error} retry={reload} />
  if (!data) return <Skeleton lines={9} />
  if (user?.id !== data.author.id) {
    return (
      <Notice alone title="Only its author can edit this" icon="alert">
        <p>Leave a comment instead: {data.author.full_name} will see it.</p>
      </Notice>
    )
  }
  return <EditOwn resource={data} />
}

function EditOwn({ resource }: { resource: Resource }) {
  const navigate = useNavigate()
  const meta = useMeta()
  async function save(draft: ResourceDraft) {
    await api.updateResource(resource.id, draft)
    meta.reload()
    navigate(`/resources/${resource.id}`, { replace: true })
  }
  return (
    <div className="reading">
      <h1>Edit resource</h1>
      <ResourceForm initial={resource} save={save} action="Save changes" />
    </div>
  )
}
