import { Icon, kindIcon } from './Icon'
import { useKindLabel } from './meta'

export function KindBadge({ kind }: { kind: string }) {
  const label = useKindLabel(kind)
  return (
    <span className="kind" data-kind={kind}>
      <Icon name={kindIcon(kind)} />
      {label}
    </span>
  )
}
