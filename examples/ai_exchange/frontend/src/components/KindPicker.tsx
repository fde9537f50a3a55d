import { Icon, kindIcon } from './Icon'
import { useMeta } from './meta'

interface Props {
  value: string
  onChange(event: { target: { value: string } }): void
}

export function KindPicker({ value, onChange }: Props) {
  const { data } = useMeta()
  return (
    <fieldset className="field picker">
      <legend>Kind</legend>
      <div className="chips chips--wrap">
        {data?.kinds.map((kind) => (
          <label key={kind.value} className="chip" data-kind={kind.value}>
            <input
              type="radio"
              name="kind"
              className="visually-hidden"
              value={kind.value}
              checked={kind.value === value}
              onChange={onChange}
            />
            <Icon name={kindIcon(kind.value)} />
            {kind.label}
          </label>
        ))}
      </div>
    </fieldset>
  )
}
