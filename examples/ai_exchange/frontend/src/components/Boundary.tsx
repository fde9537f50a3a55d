import { Component, type ReactNode } from 'react'
import { Notice } from './Notice'

/** Catches a page that cannot be shown; most often its chunk is gone after a new release. */
export class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false }

  static getDerivedStateFromError() {
    return { failed: true }
  }

  override render() {
    if (!this.state.failed) return this.props.children
    return (
      <Notice alone title="This page could not be loaded" icon="alert">
        <p>A newer version may be out, or the connection broke off.</p>
        {/* A failed import() is never fetched again by the same document. */}
        <button className="button" onClick={() => window.location.reload()}>
          Load again
        </button>
      </Notice>
    )
  }
}
