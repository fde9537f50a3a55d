import { Markdown as Render } from 'markdown-to-jsx/react'

// Members' text is never HTML to us: tags are shown as typed, and script URLs are dropped.
const OPTIONS = { disableParsingRawHTML: true, overrides: { a: OutsideLink } }

export function Markdown({ text }: { text: string }) {
  return (
    <div className="prose">
      <Render options={OPTIONS}>{text}</Render>
    </div>
  )
}

function OutsideLink(props: React.AnchorHTMLAttributes<HTMLAnchorElement>) {
  return <a {...props} rel="noopener noreferrer nofollow" />
}
