/** The cursor that all charts with the same x share. */

export interface Cursor {
  /** What x means: "step", "time", or the metric on the axis. */
  axis: string
  x: number
  /** The run under the pointer. */
  run: string | null
  /** The chart that it comes from. */
  source: string
}

type Listener = (cursor: Cursor | null) => void

/** Tells everyone at most once for each frame, and only of the latest place. */
export class CrosshairBus {
  private readonly listeners = new Set<Listener>()
  private next: Cursor | null = null
  private frame = 0
  private latest: Cursor | null = null

  get cursor(): Cursor | null {
    return this.latest
  }

  move(cursor: Cursor | null): void {
    this.next = cursor
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0
      this.latest = this.next
      for (const listener of this.listeners) listener(this.next)
    })
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}
