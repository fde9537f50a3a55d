/** Our own line icons on a 24-unit grid. */
const PATHS = {
  alert: 'M12 8v5M12 16.6v.1M12 3 2.8 19.5h18.4z',
  arrow: 'M5 12h14M13 6l6 6-6 6',
  back: 'M19 12H5M11 6l-6 6 6 6',
  chat: 'M4 5h16v11H11l-5 4v-4H4z',
  close: 'M6 6l12 12M18 6 6 18',
  edit: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4',
  empty: 'M4 13l3-8h10l3 8v6H4zM4 13h5l1 2.5h4l1-2.5h5',
  link: 'M14 4h6v6M20 4l-9 9M18 14v6H4V6h6',
  plus: 'M12 5v14M5 12h14',
  search: 'M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13M15.5 15.5 20 20',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5',
  REQUEST: 'M9 9a3 3 0 1 1 4.2 2.8c-.8.3-1.2.9-1.2 1.7v.5M12 17.5v.1M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18',
  USE_CASE: 'M9.5 18h5M10.5 21h3M12 3a6 6 0 0 0-3.5 10.9c.7.5 1 1.2 1 2.1h5c0-.9.3-1.6 1-2.1A6 6 0 0 0 12 3',
  PROMPT: 'M3.5 5h17v14h-17zM7 9.5l3 2.5-3 2.5M12 15h5',
  TOOL: 'M14.5 6.5a4 4 0 0 1 5.2-.7l-2.7 2.7.5 1.5 1.5.5 1.6-2.7a4 4 0 0 1-5.6 4.7L8 19.5A2.1 2.1 0 0 1 5 16.5l7-7a4 4 0 0 1 2.5-3',
  POLICY: 'M12 3l7.5 3v5.5c0 4.5-3 8-7.5 9.5-4.5-1.5-7.5-5-7.5-9.5V6zM8.8 12l2.2 2.2 4.2-4.4',
  PAPER: 'M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6',
  PROJECT: 'M3.5 6h6l2 2.5h9V19h-17zM3.5 11.5h17',
  CONFERENCE: 'M4 5h16v10H4zM12 15v3M8 21l4-3 4 3M8 11l2.5-2.5 2 2L16 8',
  DATASET: 'M5 6c0-1.7 3.1-3 7-3s7 1.3 7 3-3.1 3-7 3-7-1.3-7-3M5 6v12c0 1.7 3.1 3 7 3s7-1.3 7-3V6M5 12c0 1.7 3.1 3 7 3s7-1.3 7-3',
  other: 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}

export function kindIcon(kind: string): IconName {
  return kind in PATHS ? (kind as IconName) : 'other'
}
