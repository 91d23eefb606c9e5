// The canvas: one picture, or two side by side under one zoom; boxes over them; mouse, wheel and touch.
// Boxes are in pixels of the image: {x0, y0, x1, y1, kind, false}, x1 and y1 not part of it.

const COLOURS = {masked: '#ff4fd8', doubtful: '#ffb020', drawn: '#35d0ff', new: '#35d0ff', false: '#b8c0c6'}
const SMALLEST = 2 // pixels of the image; a smaller box is a click

export class Stage {
  // hooks: box(box), select(index), level(dx, dy), levelled(), step(frames), moved()
  constructor(canvas, hooks) {
    this.canvas = canvas
    this.context = canvas.getContext('2d')
    this.hooks = hooks
    this.panes = []
    this.boxes = []
    this.size = {columns: 1, rows: 1}
    this.view = null // {scale, x, y}: pixels of the screen for one of the image; what is in the middle of a pane
    this.selected = -1
    this.drawing = false
    this.pending = null // the box that is being drawn
    this.filter = ''
    this.solid = false // boxes black, as they will leave
    new ResizeObserver(() => this.fit(true)).observe(canvas)
    this.listen()
  }

  // Show pictures [{bitmap, label}] of an image of columns × rows; the zoom stays for images of the same size.
  show(panes, size, boxes) {
    const other = size.columns !== this.size.columns || size.rows !== this.size.rows
    this.panes = panes
    this.size = size
    this.boxes = boxes
    if (other || !this.view) this.fit()
    else this.draw()
  }

  // The room of one picture: side by side, or one above the other where that shows more.
  get pane() {
    const {width, height} = this.canvas
    const {columns, rows} = this.size
    const count = Math.max(1, this.panes.length)
    const beside = Math.min(width / count / columns, height / rows)
    const above = Math.min(width / columns, height / count / rows)
    this.stacked = above > beside
    return this.stacked ? {width, height: height / count} : {width: width / count, height}
  }

  fit(resized = false) {
    const ratio = devicePixelRatio || 1
    const width = Math.max(1, Math.round(this.canvas.clientWidth * ratio))
    const height = Math.max(1, Math.round(this.canvas.clientHeight * ratio))
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width
      this.canvas.height = height
    }
    if (!resized || !this.view || this.fitted) {
      this.view = {scale: this.fitting(), x: this.size.columns / 2, y: this.size.rows / 2}
      this.fitted = true
    }
    this.draw()
  }

  fitting() {
    return Math.min(this.pane.width / this.size.columns, this.pane.height / this.size.rows)
  }

  zoom(factor, at = null) {
    const scale = Math.min(40, Math.max(this.fitting() / 4, this.view.scale * factor))
    if (at) { // what is under the pointer stays there
      this.view.x = at.x + (this.view.x - at.x) * this.view.scale / scale
      this.view.y = at.y + (this.view.y - at.y) * this.view.scale / scale
    }
    this.view.scale = scale
    this.fitted = false
    this.draw()
  }

  actual() {
    this.view.scale = devicePixelRatio || 1
    this.fitted = false
    this.draw()
  }

  pan(dx, dy) { // in pixels of the screen
    this.view.x = Math.min(this.size.columns, Math.max(0, this.view.x - dx / this.view.scale))
    this.view.y = Math.min(this.size.rows, Math.max(0, this.view.y - dy / this.view.scale))
    this.fitted = false
    this.draw()
  }

  draw() {
    if (this.asked) return
    this.asked = requestAnimationFrame(() => { this.asked = 0; this.paint() })
  }

  paint() {
    const {context, canvas} = this
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.fillStyle = '#000'
    context.fillRect(0, 0, canvas.width, canvas.height)
    if (!this.view) return
    this.panes.forEach((pane, index) => this.paintPane(pane, index))
    this.hooks.moved?.()
  }

  paintPane(pane, index) {
    const {context, view, size} = this
    const {width, height} = this.pane
    const left = this.stacked ? 0 : index * width
    const top = this.stacked ? index * height : 0
    context.save()
    context.beginPath()
    context.rect(left, top, width, height)
    context.clip()
    context.translate(left + width / 2 - view.x * view.scale, top + height / 2 - view.y * view.scale)
    context.imageSmoothingEnabled = view.scale < 2
    if (pane.bitmap) {
      context.filter = this.filter || 'none'
      context.drawImage(pane.bitmap, 0, 0, size.columns * view.scale, size.rows * view.scale)
      context.filter = 'none'
    }
    const all = this.pending ? [...this.boxes, {...this.pending, kind: 'new'}] : this.boxes
    all.forEach((box, number) => this.paintBox(box, number, pane))
    context.restore()
    this.label(pane.label, left, top)
  }

  paintBox(box, number, pane) {
    const {context, view} = this
    const ratio = devicePixelRatio || 1
    const place = [box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0].map(value => value * view.scale)
    if (this.solid && pane.solid && !box.false) {
      context.fillStyle = '#000'
      context.fillRect(...place)
    }
    context.strokeStyle = box.false ? COLOURS.false : COLOURS[box.kind] || COLOURS.masked
    context.lineWidth = (number === this.selected ? 3 : 1.5) * ratio
    context.setLineDash(box.false ? [6 * ratio, 4 * ratio] : box.kind === 'new' || box.kind === 'drawn' ? [3 * ratio, 2 * ratio] : [])
    context.strokeRect(...place)
    if (box.false) {
      context.beginPath()
      context.moveTo(place[0], place[1] + place[3])
      context.lineTo(place[0] + place[2], place[1])
      context.stroke()
    }
  }

  label(text, left, top) {
    if (!text) return
    const ratio = devicePixelRatio || 1
    const {context} = this
    context.font = `600 ${12 * ratio}px system-ui, sans-serif`
    const width = context.measureText(text).width
    context.fillStyle = '#000a'
    context.fillRect(left + 6 * ratio, top + 6 * ratio, width + 12 * ratio, 20 * ratio)
    context.fillStyle = '#fff'
    context.fillText(text, left + 12 * ratio, top + 20 * ratio)
  }

  // --- pointer -----------------------------------------------------------------------------------------------------------

  // Where a pointer is, in pixels of the image.
  at(event) {
    const ratio = devicePixelRatio || 1
    const frame = this.canvas.getBoundingClientRect()
    const x = (event.clientX - frame.left) * ratio
    const y = (event.clientY - frame.top) * ratio
    const {width, height} = this.pane
    return {
      x: (x % width - width / 2) / this.view.scale + this.view.x,
      y: (y % height - height / 2) / this.view.scale + this.view.y,
    }
  }

  // The box under a point, the smallest if there are several; -1 if there is none.
  hit(point) {
    const slack = 4 / this.view.scale
    let best = -1
    this.boxes.forEach((box, index) => {
      const inside = point.x >= box.x0 - slack && point.x <= box.x1 + slack && point.y >= box.y0 - slack && point.y <= box.y1 + slack
      if (inside && (best < 0 || area(box) < area(this.boxes[best]))) best = index
    })
    return best
  }

  listen() {
    const {canvas} = this
    const pointers = new Map()
    let mode = ''
    let start = null
    let moved = 0
    let spread = 0
    canvas.addEventListener('contextmenu', event => event.preventDefault())
    canvas.addEventListener('pointerdown', event => {
      if (!this.view) return
      canvas.setPointerCapture(event.pointerId)
      pointers.set(event.pointerId, event)
      start = this.at(event)
      moved = 0
      if (pointers.size === 2) { mode = 'pinch'; this.pending = null; spread = distance([...pointers.values()]) }
      else if (this.drawing && event.button === 0) mode = 'draw'
      else if (event.pointerType === 'touch' || event.button === 1 || event.shiftKey) mode = 'pan'
      else mode = 'level'
    })
    canvas.addEventListener('pointermove', event => {
      const before = pointers.get(event.pointerId)
      if (!before) return
      const ratio = devicePixelRatio || 1
      const [dx, dy] = [(event.clientX - before.clientX) * ratio, (event.clientY - before.clientY) * ratio]
      moved += Math.abs(dx) + Math.abs(dy)
      pointers.set(event.pointerId, event)
      if (mode === 'draw') { this.pending = this.clipped(start, this.at(event)); this.draw() }
      else if (mode === 'pan') this.pan(dx, dy)
      else if (mode === 'level' && moved > 3 * ratio) this.hooks.level(dx / ratio, dy / ratio)
      else if (mode === 'pinch' && pointers.size === 2) {
        const now = distance([...pointers.values()])
        if (spread > 0) this.zoom(now / spread)
        spread = now
      }
    })
    const end = event => {
      if (!pointers.delete(event.pointerId)) return
      const ratio = devicePixelRatio || 1
      if (mode === 'draw') this.finish(event)
      else if (moved <= 3 * ratio && event.type === 'pointerup') this.hooks.select(this.hit(start))
      else if (mode === 'level') this.hooks.levelled()
      if (!pointers.size) mode = ''
    }
    canvas.addEventListener('pointerup', end)
    canvas.addEventListener('pointercancel', end)
    canvas.addEventListener('wheel', event => {
      event.preventDefault()
      if (event.ctrlKey || event.metaKey) this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, this.at(event))
      else this.hooks.step(Math.sign(event.deltaY))
    }, {passive: false})
  }

  finish(event) {
    const box = this.pending
    this.pending = null
    if (box && box.x1 - box.x0 >= SMALLEST && box.y1 - box.y0 >= SMALLEST) this.hooks.box(box)
    else if (event.type === 'pointerup') this.hooks.select(this.hit(this.at(event)))
    this.draw()
  }

  // The whole pixels of the image between two points.
  clipped(one, other) {
    const within = (value, most) => Math.min(most, Math.max(0, value))
    return {
      x0: within(Math.floor(Math.min(one.x, other.x)), this.size.columns),
      y0: within(Math.floor(Math.min(one.y, other.y)), this.size.rows),
      x1: within(Math.ceil(Math.max(one.x, other.x)), this.size.columns),
      y1: within(Math.ceil(Math.max(one.y, other.y)), this.size.rows),
    }
  }

  // --- drawing by keyboard -------------------------------------------------------------------------------------------------

  beginBox() {
    const width = Math.max(8, Math.round(this.size.columns / 5))
    const height = Math.max(6, Math.round(this.size.rows / 10))
    const x0 = Math.round(this.view.x - width / 2)
    const y0 = Math.round(this.view.y - height / 2)
    this.pending = this.clipped({x: x0, y: y0}, {x: x0 + width, y: y0 + height})
    this.draw()
  }

  // Move the box that is being drawn, or its lower right corner.
  nudge(dx, dy, corner) {
    const step = Math.max(1, Math.round(8 / this.view.scale))
    const box = this.pending
    const [x, y] = [dx * step, dy * step]
    if (corner) {
      box.x1 = Math.min(this.size.columns, Math.max(box.x0 + SMALLEST, box.x1 + x))
      box.y1 = Math.min(this.size.rows, Math.max(box.y0 + SMALLEST, box.y1 + y))
    } else {
      const [mx, my] = [Math.min(this.size.columns - box.x1, Math.max(-box.x0, x)), Math.min(this.size.rows - box.y1, Math.max(-box.y0, y))]
      Object.assign(box, {x0: box.x0 + mx, x1: box.x1 + mx, y0: box.y0 + my, y1: box.y1 + my})
    }
    this.draw()
  }

  endBox(keep) {
    const box = this.pending
    this.pending = null
    if (keep && box) this.hooks.box(box)
    this.draw()
  }
}

function area(box) {
  return (box.x1 - box.x0) * (box.y1 - box.y0)
}

function distance([one, other]) {
  return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY)
}
