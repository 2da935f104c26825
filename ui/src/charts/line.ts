/** Lines and bands on uPlot.
 *
 * uPlot keeps scales, axes and the selection; lines are drawn here, each over an x of its own, so
 * that hundreds of series need no common table. What follows the pointer is on a layer above.
 */

import uPlot from "uplot"
import "uplot/dist/uPlot.min.css"
import type { Stroke } from "../lib/colours"
import { tokenColour } from "../lib/theme"
import { DURATION_STEPS, durationTick, numberTick, padded, type Range, type XKind } from "./axes"
import { isDarkColour } from "./look"
import { nearest } from "./nearest"
import { extent, inlierExtent, markAt, type Series } from "./series"

export interface Line {
  id: string
  run: string
  label: string
  stroke: Stroke
  series: Series
  /** The values before smoothing; drawn faintly behind. */
  raw?: Float64Array | null
}

export interface View {
  x: Range | null
  y: Range | null
}

export interface LineLook {
  x: XKind
  logX: boolean
  logY: boolean
  /** The share of values on either end that the scale may leave out; 0 shows all. */
  outliers: number
  utc: boolean
}

/** A value that another run is compared with, as a line across. */
export interface Reference {
  label: string
  y: number
}

/** Where the pointer is; left and top are CSS pixels within the host. */
export interface Hover {
  x: number
  left: number
  top: number
  /** In the right half of the chart. */
  isRight: boolean
  /** The nearest line within reach. */
  line: Line | null
}

export interface LineEvents {
  onView: (view: View) => void
  onReset: () => void
  /** null when the pointer has left. */
  onHover: (at: Hover | null) => void
  onClick: (x: number) => void
}

interface Theme {
  ink: string
  grid: string
  ground: string
  accent: string
  faint: string
  font: string
  isDark: boolean
}

const FAINT = 0.28
const BAND = 0.16
/** Up to so many entries on screen, each is marked with a dot. */
const DOTTED = 80
const FADED = 0.62

export class LineDrawing {
  private plot: uPlot | null = null
  private readonly above = document.createElement("canvas")
  private lines: readonly Line[] = []
  private references: readonly Reference[] = []
  private look: LineLook = { x: "step", logX: false, logY: false, outliers: 0, utc: false }
  private view: View = { x: null, y: null }
  private theme = readTheme()
  private shown: { x: Range; y: Range } = { x: [0, 1], y: [0, 1] }
  /** How much larger than on screen everything is. */
  private scaleUp = 1
  /** How many values were left out because a logarithm has no place for them. */
  hidden = 0

  constructor(
    private readonly host: HTMLElement,
    private readonly events: LineEvents,
  ) {}

  /** The ranges that are drawn. */
  get ranges(): { x: Range; y: Range } {
    return this.shown
  }

  draw(
    lines: readonly Line[],
    look: LineLook,
    view: View,
    references: readonly Reference[] = [],
  ): void {
    const isOtherAxis =
      look.logX !== this.look.logX ||
      look.logY !== this.look.logY ||
      look.x !== this.look.x ||
      look.utc !== this.look.utc
    this.lines = lines
    this.look = look
    this.view = view
    this.references = references
    this.shown = this.fit()
    if (this.plot === null || isOtherAxis) this.make()
    else this.rescale()
  }

  /** Colours have changed. */
  repaint(): void {
    this.theme = readTheme()
    this.plot?.redraw(false, true)
  }

  resize(): void {
    const { width, height } = this.size()
    const { plot } = this
    if (!plot || (plot.width === width && plot.height === height)) return
    plot.setSize({ width, height })
  }

  /** The shared cursor is at x; *run* is to stand out. */
  point(x: number | null, run: string | null): void {
    const { plot, above } = this
    const context = above.getContext("2d")
    if (!plot || !context) return
    const ratio = uPlot.pxRatio
    const { width, height } = plot.bbox
    if (above.width !== width || above.height !== height) {
      above.width = width
      above.height = height
      above.style.width = `${width / ratio}px`
      above.style.height = `${height / ratio}px`
    }
    context.clearRect(0, 0, width, height)
    const line = run === null ? undefined : this.lines.find((one) => one.run === run)
    if (line && this.lines.length > 1) {
      context.globalAlpha = FADED
      context.fillStyle = this.theme.ground
      context.fillRect(0, 0, width, height)
      context.globalAlpha = 1
      const { scaleX, scaleY } = this.scales(0, 0)
      this.stroke(context, line, line.series.y, scaleX, scaleY, 2.5)
    }
    if (x === null || x < this.shown.x[0] || x > this.shown.x[1]) return
    const left = plot.valToPos(x, "x", true) - plot.bbox.left
    context.strokeStyle = this.theme.ink
    context.globalAlpha = 0.5
    context.lineWidth = ratio
    context.setLineDash([3 * ratio, 3 * ratio])
    context.beginPath()
    context.moveTo(Math.round(left) + 0.5, 0)
    context.lineTo(Math.round(left) + 0.5, height)
    context.stroke()
    context.setLineDash([])
    context.globalAlpha = 1
    if (this.lines.length > 24 && !line) return
    const { scaleX, scaleY } = this.scales(0, 0)
    for (const one of line ? [line] : this.lines) {
      const at = nearest(one.series.x, x)
      const y = one.series.y[at]
      const place = one.series.x[at]
      if (y === undefined || place === undefined || !Number.isFinite(y)) continue
      context.fillStyle = colour(one.stroke, this.theme)
      context.strokeStyle = this.theme.ground
      context.lineWidth = 1.5 * ratio
      context.beginPath()
      context.arc(scaleX(place), scaleY(y), 3.5 * ratio, 0, 2 * Math.PI)
      context.fill()
      context.stroke()
    }
  }

  /** The drawing as an image, twice as large as it is on screen. */
  async png(): Promise<Blob> {
    const { width, height } = this.size()
    const host = document.createElement("div")
    const copy = new LineDrawing(host, this.events)
    copy.scaleUp = 2
    copy.theme = { ...this.theme, font: this.theme.font.replace("11px", "22px") }
    copy.lines = this.lines
    copy.references = this.references
    copy.look = this.look
    copy.shown = this.shown
    const made = copy.make({ width: width * 2, height: height * 2 })
    await new Promise((done) => requestAnimationFrame(done))
    const image = document.createElement("canvas")
    image.width = width * 2
    image.height = height * 2
    const context = image.getContext("2d")
    if (context) {
      context.fillStyle = this.theme.ground
      context.fillRect(0, 0, image.width, image.height)
      context.drawImage(made.ctx.canvas, 0, 0, image.width, image.height)
    }
    copy.destroy()
    return new Promise((resolve, reject) => {
      image.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("No image was made."))))
    })
  }

  destroy(): void {
    this.plot?.destroy()
    this.plot = null
  }

  private size(): { width: number; height: number } {
    return {
      width: Math.max(80, this.host.clientWidth),
      height: Math.max(80, this.host.clientHeight),
    }
  }

  /** What the scales show: the view, else all there is of it. */
  private fit(): { x: Range; y: Range } {
    const { logX, logY, outliers } = this.look
    const least = (isLog: boolean) => (isLog ? 0 : Number.NEGATIVE_INFINITY)
    const all = extent(
      this.lines.map(({ series }) => series.x),
      least(logX),
    )
    const x = this.view.x ?? (all ? (all[0] === all[1] ? padded(all, logX) : all) : [0, 1])
    if (this.view.y) return { x, y: this.view.y }
    const seen = this.view.x
      ? this.lines.map(({ series }) => within(series, x))
      : this.lines.map(({ series }) => [series.low, series.high, series.y])
    const columns = seen.flat()
    const raws = this.view.x ? [] : this.lines.flatMap(({ raw }) => (raw ? [raw] : []))
    const range =
      outliers > 0
        ? inlierExtent(
            columns.map((column) => column.filter((one) => one > least(logY))),
            outliers,
          )
        : extent([...columns, ...raws], least(logY))
    const more = range && this.references.map(({ y }) => y).filter((y) => y > least(logY))
    const low = Math.min(range?.[0] ?? (logY ? 0.1 : 0), ...(more ?? []))
    const high = Math.max(range?.[1] ?? 1, ...(more ?? []))
    return { x, y: padded([low, high], logY) }
  }

  private rescale(): void {
    const { plot, shown } = this
    if (!plot) return
    plot.batch(() => {
      plot.setScale("x", { min: shown.x[0], max: shown.x[1] })
      plot.setScale("y", { min: shown.y[0], max: shown.y[1] })
    })
    // Scales that did not move draw nothing by themselves, but the lines may be others.
    plot.redraw(false, false)
  }

  private make(size = this.size()): uPlot {
    this.plot?.destroy()
    const { look, scaleUp } = this
    const axis = {
      stroke: () => this.theme.faint,
      font: this.theme.font,
      grid: { stroke: () => this.theme.grid, width: scaleUp },
      ticks: { show: false },
    }
    const log = (is: boolean) => (is ? { distr: 3, log: 10 as const } : {})
    const options: uPlot.Options = {
      ...size,
      ms: 1,
      tzDate: (ms) => (look.utc ? uPlot.tzDate(new Date(ms), "Etc/UTC") : new Date(ms)),
      padding: [8 * scaleUp, 12 * scaleUp, 0, 0],
      legend: { show: false },
      series: [{}, { scale: "y", show: false }],
      scales: {
        x: { time: look.x === "time", range: () => [...this.shown.x], ...log(look.logX) },
        y: { range: () => [...this.shown.y], ...log(look.logY) },
      },
      axes: [
        { ...axis, size: 26 * scaleUp, space: 64 * scaleUp, ...xAxis(look) },
        {
          ...axis,
          scale: "y",
          space: 32 * scaleUp,
          size: (_, values) => {
            const longest = Math.max(...(values ?? []).map((text) => String(text ?? "").length), 2)
            return Math.min(84, 14 + longest * 6.3) * scaleUp
          },
          values: (_, splits, __, ___, apart) => ticks(splits, apart, look.logY),
        },
      ],
      cursor: {
        x: false,
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: {
          mousedown: (self, _, handler) => (event) => {
            if (self.cursor.drag) self.cursor.drag.y = event.shiftKey
            return handler(event)
          },
          dblclick: () => () => {
            this.events.onReset()
            return null
          },
        },
      },
      hooks: {
        draw: [(self) => this.paint(self)],
        setSelect: [(self) => this.selected(self)],
        setCursor: [(self) => this.moved(self)],
      },
    }
    const [first, last] = this.shown.x
    const plot = new uPlot(
      options,
      [
        [first, last],
        [null, null],
      ],
      this.host,
    )
    this.plot = plot
    if (scaleUp === 1) {
      this.above.style.cssText = "position:absolute;inset:0;pointer-events:none"
      plot.over.append(this.above)
      plot.over.addEventListener("click", (event) => {
        if (event.detail === 1) this.events.onClick(plot.posToVal(event.offsetX, "x"))
      })
      plot.over.addEventListener("wheel", (event) => this.wheel(event), { passive: false })
      plot.over.addEventListener("mouseleave", () => this.events.onHover(null))
    }
    return plot
  }

  /** Canvas pixels for one of the sizes that are meant for the screen. */
  private get ratio(): number {
    return uPlot.pxRatio * this.scaleUp
  }

  private scales(left: number, top: number): { scaleX: Scale; scaleY: Scale } {
    const { shown, look, plot } = this
    const box = plot?.bbox ?? { width: 1, height: 1 }
    return {
      scaleX: scale(shown.x, look.logX, left, box.width),
      scaleY: scale([shown.y[1], shown.y[0]], look.logY, top, box.height),
    }
  }

  private paint(self: uPlot): void {
    const { ctx: context, bbox } = self
    this.plot ??= self
    const { scaleX, scaleY } = this.scales(bbox.left, bbox.top)
    this.hidden = 0
    context.save()
    context.beginPath()
    context.rect(bbox.left, bbox.top, bbox.width, bbox.height)
    context.clip()
    context.lineJoin = "round"
    for (const line of this.lines) {
      if (!line.series.isRaw) this.band(context, line, scaleX, scaleY)
    }
    for (const line of this.lines) {
      if (!line.raw) continue
      context.globalAlpha = FAINT
      this.stroke(context, line, line.raw, scaleX, scaleY, 1)
      context.globalAlpha = 1
    }
    const width = this.lines.length > 20 ? 1.1 : 1.6
    for (const line of this.lines) {
      this.stroke(context, line, line.series.y, scaleX, scaleY, width)
      this.marks(context, line, scaleX, bbox)
    }
    for (const { label, y } of this.references) {
      const at = scaleY(y)
      context.strokeStyle = this.theme.accent
      context.fillStyle = this.theme.accent
      context.setLineDash([6, 4])
      context.lineWidth = this.ratio
      context.beginPath()
      context.moveTo(bbox.left, at)
      context.lineTo(bbox.left + bbox.width, at)
      context.stroke()
      context.setLineDash([])
      context.font = scaledFont(this.theme.font)
      context.textAlign = "right"
      context.fillText(label, bbox.left + bbox.width - 4, at - 4)
    }
    context.restore()
  }

  private stroke(
    context: CanvasRenderingContext2D,
    { series, stroke }: Line,
    values: Float64Array,
    scaleX: Scale,
    scaleY: Scale,
    width: number,
  ): void {
    const { x } = series
    const { ratio } = this
    const [low, high] = this.shown.x
    context.strokeStyle = colour(stroke, this.theme)
    context.lineWidth = width * ratio
    context.setLineDash(stroke.dash.map((length) => length * ratio))
    context.beginPath()
    let isDown = false
    let previous = Number.NEGATIVE_INFINITY
    const alone: [number, number][] = []
    let length = 0
    let seen = 0
    let from: [number, number] = [0, 0]
    for (let at = 0; at < x.length; at++) {
      const place = x[at] as number
      const value = values[at] as number
      // The entries next to the window are drawn, so that lines reach its edges.
      const isOutside = (x[at + 1] ?? place) < low || (x[at - 1] ?? place) > high
      const px = isOutside ? Number.NaN : scaleX(place)
      const py = scaleY(value)
      if (!Number.isFinite(value) || Number.isNaN(px) || Number.isNaN(py)) {
        if (isDown && length === 1) alone.push(from)
        isDown = false
        continue
      }
      seen++
      // A smaller x than the one before begins a new part.
      if (isDown && place >= previous) {
        context.lineTo(px, py)
        length++
      } else {
        if (isDown && length === 1) alone.push(from)
        context.moveTo(px, py)
        from = [px, py]
        length = 1
        isDown = true
      }
      previous = place
    }
    if (isDown && length === 1) alone.push(from)
    context.stroke()
    context.setLineDash([])
    context.fillStyle = context.strokeStyle
    const radius = Math.max(1.6, width * 1.2) * ratio
    for (const [px, py] of alone) dot(context, px, py, radius)
    if (series.isRaw && seen > 1 && seen <= DOTTED && this.lines.length <= 12) {
      for (let at = 0; at < x.length; at++) {
        const px = scaleX(x[at] as number)
        const py = scaleY(values[at] as number)
        if (Number.isFinite(px) && Number.isFinite(py)) dot(context, px, py, radius)
      }
    }
  }

  /** The area between least and greatest of each bucket: no extreme is outside of it. */
  private band(
    context: CanvasRenderingContext2D,
    { series, stroke }: Line,
    scaleX: Scale,
    scaleY: Scale,
  ): void {
    const { x, low, high } = series
    const floor = this.look.logY ? this.shown.y[0] : Number.NEGATIVE_INFINITY
    context.fillStyle = colour(stroke, this.theme)
    context.globalAlpha = this.lines.length > 12 ? BAND * 0.6 : BAND
    let start = 0
    const flush = (end: number) => {
      if (end - start < 1) return
      context.beginPath()
      for (let at = start; at < end; at++) {
        context.lineTo(scaleX(x[at] as number), scaleY(Math.max(high[at] as number, floor)))
      }
      for (let at = end - 1; at >= start; at--) {
        context.lineTo(scaleX(x[at] as number), scaleY(Math.max(low[at] as number, floor)))
      }
      context.fill()
    }
    for (let at = 0; at < x.length; at++) {
      const isGap =
        !Number.isFinite(low[at]) || (at > start && (x[at] as number) < (x[at - 1] as number))
      if (!isGap) continue
      flush(at)
      start = at + 1
    }
    flush(x.length)
    context.globalAlpha = 1
    // One bucket alone has no area; a line shows how far it reaches.
    if (x.length === 1) {
      context.lineWidth = 2
      context.strokeStyle = context.fillStyle
      context.beginPath()
      context.moveTo(scaleX(x[0] as number), scaleY(low[0] as number))
      context.lineTo(scaleX(x[0] as number), scaleY(high[0] as number))
      context.stroke()
    }
  }

  /** Infinities point out of the frame, NaNs are crosses at its foot; a logarithm's absences too. */
  private marks(
    context: CanvasRenderingContext2D,
    { series, stroke }: Line,
    scaleX: Scale,
    box: uPlot.BBox,
  ): void {
    const { x } = series
    const size = 4 * this.ratio
    const foot = box.top + box.height - size
    context.fillStyle = colour(stroke, this.theme)
    context.strokeStyle = context.fillStyle
    context.lineWidth = 1.5 * this.ratio
    for (let at = 0; at < x.length; at++) {
      const px = scaleX(x[at] as number)
      if (!(px >= box.left && px <= box.left + box.width)) continue
      const mark = markAt(series, at, this.look.logY)
      if (mark === "not above zero") this.hidden++
      if (mark === "Infinity") triangle(context, px, box.top + 1, size)
      else if (mark === "NaN") cross(context, px, foot - 1, size * 0.7)
      else if (mark !== null) triangle(context, px, foot + size - 1, -size)
    }
  }

  private selected(self: uPlot): void {
    const { left, top, width, height } = self.select
    if (width < 4) return
    const isBox = Boolean(self.cursor.drag?.y) && height > 4
    const x: Range = [self.posToVal(left, "x"), self.posToVal(left + width, "x")]
    const y: Range | null = isBox
      ? [self.posToVal(top + height, "y"), self.posToVal(top, "y")]
      : this.view.y
    self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
    this.events.onView({ x, y })
  }

  private moved(self: uPlot): void {
    const { left = -1, top = -1 } = self.cursor
    if (left < 0 || this.plot !== self) return
    const x = self.posToVal(left, "x")
    this.events.onHover({
      x,
      left: left + self.over.offsetLeft,
      top: top + self.over.offsetTop,
      isRight: left > self.over.offsetWidth / 2,
      line: this.lineAt(left, top),
    })
  }

  /** The line nearest to a place in CSS pixels, within reach of the pointer. */
  private lineAt(left: number, top: number): Line | null {
    const { plot } = this
    if (!plot) return null
    const ratio = uPlot.pxRatio
    const x = plot.posToVal(left, "x")
    const { scaleY } = this.scales(0, 0)
    let found: Line | null = null
    let least = 24 * ratio
    for (const line of this.lines) {
      const at = nearest(line.series.x, x)
      const distance = Math.abs(scaleY(line.series.y[at] ?? Number.NaN) - top * ratio)
      if (distance < least) {
        least = distance
        found = line
      }
    }
    return found
  }

  private wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !event.metaKey) return
    event.preventDefault()
    const { plot } = this
    if (!plot) return
    const at = plot.posToVal(event.offsetX, "x")
    this.events.onView({
      x: zoomed(this.shown.x, at, event.deltaY < 0 ? 0.8 : 1.25, this.look.logX),
      y: this.view.y,
    })
  }
}

/** *range* by *factor* about *at*. */
export function zoomed([low, high]: Range, at: number, factor: number, isLog = false): Range {
  if (isLog && low > 0) {
    const [from, to] = zoomed([Math.log(low), Math.log(high)], Math.log(at), factor)
    return [Math.exp(from), Math.exp(to)]
  }
  return [at - (at - low) * factor, at + (high - at) * factor]
}

type Scale = (value: number) => number

/** From values to pixels; a logarithm of what has none is NaN. */
function scale([from, to]: Range, isLog: boolean, offset: number, length: number): Scale {
  if (!isLog) {
    const by = length / (to - from)
    return (value) => offset + (value - from) * by
  }
  const start = Math.log10(from)
  const by = length / (Math.log10(to) - start)
  return (value) => (value > 0 ? offset + (Math.log10(value) - start) * by : Number.NaN)
}

function within({ x, low, high, y }: Series, [from, to]: Range): Float64Array[] {
  const inside = (_: number, at: number) => (x[at] as number) >= from && (x[at] as number) <= to
  return [low.filter(inside), high.filter(inside), y.filter(inside)]
}

function xAxis(look: LineLook): Partial<uPlot.Axis> {
  if (look.x === "time") return {}
  if (look.x === "relative" && !look.logX) {
    return {
      incrs: DURATION_STEPS,
      values: (_, splits, __, ___, apart) => splits.map((split) => durationTick(split, apart)),
    }
  }
  return { values: (_, splits, __, ___, apart) => ticks(splits, apart, look.logX) }
}

function ticks(splits: readonly number[], apart: number, isLog: boolean): (string | null)[] {
  if (!isLog) return splits.map((split) => numberTick(split, apart))
  // Between powers of ten there are many lines; with few of them, all have names.
  const powers = splits.filter((split) => split > 0 && Number.isInteger(round(Math.log10(split))))
  return splits.map((split) => {
    if (split === null) return null
    const isPower = Number.isInteger(round(Math.log10(split)))
    return isPower || powers.length < 2 ? numberTick(split, split) : null
  })
}

const round = (value: number) => Math.round(value * 1e9) / 1e9

function colour({ light, dark }: Stroke, { isDark }: Theme): string {
  return isDark ? dark : light
}

function readTheme(): Theme {
  const font = getComputedStyle(document.body).fontFamily
  const ground = tokenColour("--surface")
  return {
    ink: tokenColour("--ink"),
    faint: tokenColour("--ink-faint"),
    grid: tokenColour("--edge"),
    accent: tokenColour("--accent"),
    ground,
    font: `11px ${font || "sans-serif"}`,
    isDark: isDarkColour(ground),
  }
}

function scaledFont(font: string): string {
  return font.replace(/^\d+/, (size) => String(Number(size) * uPlot.pxRatio))
}

function dot(context: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  context.beginPath()
  context.arc(x, y, radius, 0, 2 * Math.PI)
  context.fill()
}

function triangle(context: CanvasRenderingContext2D, x: number, tip: number, size: number): void {
  context.beginPath()
  context.moveTo(x, tip)
  context.lineTo(x - Math.abs(size), tip + size * 1.6)
  context.lineTo(x + Math.abs(size), tip + size * 1.6)
  context.fill()
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  context.beginPath()
  context.moveTo(x - size, y - size)
  context.lineTo(x + size, y + size)
  context.moveTo(x + size, y - size)
  context.lineTo(x - size, y + size)
  context.stroke()
}
