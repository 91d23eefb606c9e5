// Pictures and what is told of them: fetched once, a few at a time, kept as far as they fit into memory.

const AT_ONCE = 4 // Orthanc has few threads, and others need them, too
const MOST_BYTES = 400 * 1024 * 1024

export class Store {
  constructor(root, batch) {
    this.base = `${root}api/batches/${batch}/`
    this.pictures = new Map() // address → {promise, bitmap, bytes}, the least recently used first
    this.facts = new Map()
    this.shown = [] // addresses of what is on the canvas: it is not closed
    this.waiting = []
    this.running = 0
    this.bytes = 0
  }

  // Returns the JSON of a route of this batch; throws an Error in words.
  async json(path) {
    const answer = await fetch(this.base + path, {credentials: 'same-origin', headers: {Accept: 'application/json'}})
    if (!answer.ok) throw await problemOf(answer)
    return answer.json()
  }

  // Returns size, windows and boxes of an image. Of one without an output, those of the original.
  frames(number, which) {
    const path = `instances/${number}/frames?which=${which}`
    if (!this.facts.has(path)) {
      const asked = this.json(path)
      asked.catch(() => this.facts.delete(path))
      this.facts.set(path, asked)
    }
    return this.facts.get(path)
  }

  address(number, frame, which, window) {
    const chosen = window ? `&window=${window.center.toFixed(3)},${Math.max(0.001, window.width).toFixed(3)}` : ''
    return `instances/${number}/frames/${frame}?which=${which}${chosen}`
  }

  // Returns the picture if it is here, else nothing.
  here(address) {
    return this.pictures.get(address)?.bitmap
  }

  // Returns a promise of a picture. An urgent one goes before those that are only expected to be needed.
  picture(address, urgent = true) {
    const kept = this.pictures.get(address)
    if (kept) {
      this.pictures.delete(address)
      this.pictures.set(address, kept)
      if (urgent && kept.job) this.hasten(kept.job)
      return kept.promise
    }
    const entry = {bytes: 0}
    entry.promise = new Promise((resolve, reject) => {
      entry.job = {address, entry, resolve, reject}
      if (urgent) this.waiting.unshift(entry.job)
      else this.waiting.push(entry.job)
    })
    entry.promise.catch(() => {})
    this.pictures.set(address, entry)
    this.work()
    return entry.promise
  }

  hasten(job) {
    const at = this.waiting.indexOf(job)
    if (at > 0) this.waiting.unshift(...this.waiting.splice(at, 1))
  }

  // Forget what was only expected to be needed.
  calm() {
    for (const job of this.waiting.splice(0)) {
      this.pictures.delete(job.address)
      job.reject(new Error('no longer needed'))
    }
  }

  // Forget everything: the outputs are others now.
  forget() {
    this.calm()
    this.facts.clear()
    for (const [address, entry] of this.pictures) if (!this.shown.includes(address)) entry.bitmap?.close()
    this.pictures.clear()
    this.bytes = 0
  }

  work() {
    while (this.running < AT_ONCE && this.waiting.length) {
      const job = this.waiting.shift()
      job.entry.job = null
      this.running += 1
      this.load(job).finally(() => { this.running -= 1; this.work() })
    }
  }

  async load({address, entry, resolve, reject}) {
    try {
      const answer = await fetch(this.base + address, {credentials: 'same-origin'})
      if (!answer.ok) throw await problemOf(answer)
      entry.bitmap = await createImageBitmap(await answer.blob())
      entry.bytes = entry.bitmap.width * entry.bitmap.height * 4
      this.bytes += entry.bytes
      this.makeRoom(address)
      resolve(entry.bitmap)
    } catch (problem) {
      this.pictures.delete(address)
      reject(problem)
    }
  }

  makeRoom(needed) {
    for (const [address, entry] of this.pictures) {
      if (this.bytes <= MOST_BYTES) return
      if (address === needed || !entry.bitmap || this.shown.includes(address)) continue
      this.pictures.delete(address)
      this.bytes -= entry.bytes
      entry.bitmap.close()
    }
  }
}

export async function problemOf(answer) {
  const said = await answer.json().catch(() => ({}))
  const problem = said.detail || said.title || said.error || `SendIt answers ${answer.status}.`
  const sentence = problem.charAt(0).toUpperCase() + problem.slice(1)
  const error = new Error([/[.!?]$/.test(sentence) ? sentence : `${sentence}.`, said.cure].filter(Boolean).join(' '))
  error.status = answer.status
  return error
}
