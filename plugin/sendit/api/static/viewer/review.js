// The page of one batch's review: images one after another, boxes, decisions, and a key for each of it.

import {showHeader, make} from './header.js'
import {Stage} from './stage.js'
import {Store, problemOf} from './store.js'

const root = document.documentElement.dataset.root
const place = document.getElementById('review')
const $ = name => place.querySelector(`[data-part="${name}"]`)
const {batch, next, previous} = place.dataset
const may = {originals: 'originals' in place.dataset, decide: 'decide' in place.dataset, release: 'release' in place.dataset}
const store = new Store(root, batch)
const AHEAD = 4 // images that are fetched before they are asked for
const SCOPES = ['instance', 'series', 'study']
const SCOPE_WORDS = {instance: 'this image', series: 'its series', study: 'the study'}
const SHEET = 64
const PAGE = 500

const now = {
  images: [], count: 0, index: 0, frame: 1, which: 'after', side: false, facts: null,
  window: null, // {center, width}, chosen by hand; kept for images of the same modality
  windowFor: '', preset: -1, scope: SCOPES[0], serial: 0,
  review: null, // attempt, what may be decided, and what was, as GET …/review gives it
}
const drawn = new Map() // number of an image → boxes that are not sent yet
const refused = new Map() // number of an image → set of boxes that are said to be false, by their text

const stage = new Stage($('canvas'), {
  box: addBox, select, level, levelled, step: stepFrame, moved: () => {},
})

// --- images --------------------------------------------------------------------------------------------------------------

async function list(from) {
  const answer = await store.json(`images?first=${from}&limit=${PAGE}`)
  now.count = answer.count
  for (const image of answer.images) now.images[image.number - 1] = image
}

async function imageAt(index) {
  if (!now.images[index]) await list(index - index % PAGE + 1)
  return now.images[index]
}

// Which of the two is there to be looked at: an image without an output has that of before alone.
function shownSide(image) {
  if (!may.originals) return 'after'
  return image.has_output ? now.which : 'before'
}

async function go(index, frame = 1) {
  if (index < 0 || index >= now.count) { edge(index < 0 ? 'This is the first image.' : 'This is the last image.'); return }
  const serial = ++now.serial
  now.index = index
  now.frame = frame
  now.ready = false // what is on the canvas is another image, until this one is shown
  store.calm()
  stage.endBox(false)
  try {
    const image = await imageAt(index)
    const facts = await store.frames(image.number, image.has_output || !may.originals ? 'after' : 'before')
    if (serial !== now.serial) return
    now.facts = facts
    if (now.windowFor !== image.modality) { now.window = null; now.preset = -1; now.windowFor = image.modality }
    stage.selected = -1
    panel()
    await paint(serial)
    if (serial === now.serial) ahead(index)
  } catch (problem) {
    if (serial === now.serial) fault(problem)
  }
}

function addressOf(image, frame, which) {
  return store.address(image.number, frame, which, now.window)
}

async function paint(serial = ++now.serial) {
  const image = now.images[now.index]
  const sides = now.side && may.originals && image.has_output ? ['before', 'after'] : [shownSide(image)]
  const addresses = sides.map(which => addressOf(image, now.frame, which))
  $('busy').hidden = addresses.every(address => store.here(address))
  const bitmaps = await Promise.all(addresses.map(address => store.picture(address)))
  if (serial !== now.serial) return
  store.shown = addresses
  $('busy').hidden = true
  $('fault').hidden = true
  stage.filter = ''
  stage.show(
    bitmaps.map((bitmap, index) => ({bitmap, label: sides.length > 1 || sides[0] === 'before' ? sides[index] : '', solid: sides[index] === 'after' || !image.has_output})),
    now.facts, boxes(),
  )
  now.ready = true
  place.dataset.shown = `${image.number}/${now.frame}/${sides.join('+')}`
  place.dispatchEvent(new CustomEvent('shown'))
  tell()
}

async function ahead(index) {
  if (!now.ready || index !== now.index) return
  const {frames} = now.facts
  const image = now.images[index]
  for (let frame = now.frame + 1; frame <= Math.min(frames, now.frame + 3); frame++) store.picture(addressOf(image, frame, shownSide(image)), false)
  for (let other = index + 1; other <= Math.min(now.count - 1, index + AHEAD); other++) {
    try {
      const following = await imageAt(other)
      await store.frames(following.number, following.has_output || !may.originals ? 'after' : 'before')
      if (index !== now.index) return
      store.picture(addressOf(following, 1, shownSide(following)), false)
      if (now.side && following.has_output && may.originals) store.picture(addressOf(following, 1, 'before'), false)
    } catch { /* it is told when it is asked for */ }
  }
}

function stepFrame(step) {
  if (now.ready && now.facts.frames > 1) {
    const frame = Math.min(now.facts.frames, Math.max(1, now.frame + step))
    if (frame !== now.frame) showFrame(frame)
    else edge(step > 0 ? 'This is the last frame.' : 'This is the first frame.')
  } else go(now.index + step)
}

function showFrame(frame) {
  now.frame = frame
  paint().then(() => ahead(now.index)).catch(fault)
}

// --- windows ---------------------------------------------------------------------------------------------------------------

function currentWindow() {
  return now.window || now.facts?.windows[0] || null
}

function level(dx, dy) {
  const window = currentWindow()
  if (!window) return
  const {width: side} = stage.canvas.getBoundingClientRect()
  const old = now.leveling || {...window}
  now.leveling = {
    center: old.center + dy / side * Math.max(old.width, 1) * 1.5,
    width: Math.max(1, old.width * Math.exp(dx / side * 3)),
  }
  // At once, from the picture that is here; exactly, as soon as the mouse rests.
  const contrast = window.width / now.leveling.width
  const brightness = 0.5 + (window.center - now.leveling.center) / now.leveling.width
  stage.filter = `contrast(${contrast.toFixed(3)}) brightness(${Math.max(0.05, 2 * brightness).toFixed(3)})`
  stage.draw()
  clearTimeout(now.rests)
  now.rests = setTimeout(levelled, 250)
  windowWords(now.leveling)
}

function levelled() {
  clearTimeout(now.rests)
  if (!now.leveling) return
  setWindow(now.leveling)
  now.leveling = null
}

function setWindow(window) {
  now.window = window
  now.preset = -1
  store.calm()
  windowWords(window)
  paint().then(() => ahead(now.index)).catch(fault)
}

function preset(step) {
  const windows = now.facts?.windows || []
  if (!windows.length) return
  const at = (now.preset + step + windows.length) % windows.length
  setWindow(at === 0 ? null : windows[at])
  now.preset = at
  windowWords(windows[at])
}

function adjust(center, width) {
  const window = currentWindow()
  if (window) setWindow({center: window.center + center * window.width, width: Math.max(1, window.width * width)})
}

function windowWords(window) {
  const round = value => Number(value.toFixed(Math.abs(value) < 10 ? 1 : 0))
  $('window').textContent = window ? `C ${round(window.center)} W ${round(window.width)}${window.name ? `, ${window.name}` : ''}` : 'colours'
}

// --- boxes -----------------------------------------------------------------------------------------------------------------

const key = box => `${box.x0},${box.y0},${box.x1},${box.y1}`

// Those of the receipt, then those that are drawn here.
function boxes() {
  const image = now.images[now.index]
  const gone = refused.get(image.number) || new Set()
  const known = now.facts.image.boxes.map(box => ({...box, false: gone.has(key(box))}))
  return [...known, ...(drawn.get(image.number) || []).map(box => ({...box, kind: 'new', why: 'drawn now, not sent yet'}))]
}

function addBox(box) {
  if (!fetched()) return
  if (!may.decide) { edge('You may not draw boxes: that needs the role Review.'); return }
  const {number} = now.images[now.index]
  drawn.set(number, [...(drawn.get(number) || []), box])
  redraw(boxes().length - 1)
  say(`Box drawn: ${key(box)}. Send it with Shift B.`)
}

function fetched() {
  if (!now.ready) edge('The image is still being fetched.')
  return now.ready
}

function select(index) {
  if (!now.ready) return
  redraw(index)
  if (index >= 0) say(`${index + 1}: ${boxes()[index].kind}, ${boxes()[index].why}`)
}

// Take back a drawn box; say of a found one that it is false, or that it is not.
function strike(index = stage.selected) {
  if (!fetched()) return
  const all = boxes()
  const box = all[index]
  if (!box) { edge('Select a box first (o).'); return }
  const {number} = now.images[now.index]
  if (box.kind === 'new') {
    const known = now.facts.image.boxes.length
    drawn.set(number, drawn.get(number).filter((_, at) => at !== index - known))
    redraw(-1)
    return
  }
  if (!may.decide || !box.removable) { edge('Only what text detection found, or a reviewer drew, can be taken away.'); return }
  const gone = refused.get(number) || new Set()
  if (!gone.delete(key(box))) gone.add(key(box))
  refused.set(number, gone)
  redraw(index)
}

function redraw(selected) {
  stage.boxes = boxes()
  stage.selected = selected
  stage.draw()
  boxList()
  tell()
}

// The boxes of this image that are not sent.
function unsent() {
  const {number} = now.images[now.index]
  return {
    instance: number,
    add: (drawn.get(number) || []).map(box => [box.x0, box.y0, box.x1, box.y1]),
    remove: [...(refused.get(number) || [])].map(text => text.split(',').map(Number)),
  }
}

function anyUnsent() {
  return [...drawn.values()].some(list => list.length) || [...refused.values()].some(set => set.size)
}

// --- decisions ---------------------------------------------------------------------------------------------------------------

const DECISIONS = {
  ACCEPT: {done: 'accepted, and leaves now', role: 'release'},
  REJECT: {done: 'rejected: nothing of it leaves', reason: true},
  HOLD: {done: 'held', reason: true},
  RERUN: {done: 'being de-identified again with the current rules: it comes back to Review, or leaves'},
  REGIONS: {done: 'being masked anew'},
}

// Ask what may be decided about the batch as it is now.
async function consult() {
  if (!may.decide && !may.release) return
  now.review = await store.json('review?limit=1')
  const {allowed, decisions, persons, why} = now.review
  for (const button of place.querySelectorAll('[data-decide]')) button.disabled = !allowed.includes(button.dataset.decide)
  const accepted = decisions.filter(one => one.decision === 'ACCEPT').length
  const told = document.querySelector('main .head').textContent.includes(why) // beside the number of the batch
  const words = [told ? '' : why, persons > 1 ? `${persons} users have to accept it; ${accepted} did so far.` : ''].filter(Boolean)
  $('why').textContent = words.join(' ')
  $('why').hidden = !words.length
  $('decisions').replaceChildren(...decisions.map(one => make('li', [
    make('b', one.decision.toLowerCase()), ` by ${one.actor}, ${new Date(one.at).toLocaleString()}${one.reason ? `: ${one.reason}` : ''}`,
  ], {className: 'person'})))
}

async function decide(decision) {
  const {done, role = 'decide', reason: required} = DECISIONS[decision]
  if (!may[role]) { edge(`You may not do that: it needs the role ${role === 'release' ? 'Release' : 'Review'}.`); return }
  if (!now.review?.allowed.includes(decision)) { edge(`That cannot be decided now: the batch is ${now.review?.batch.state.toLowerCase() || 'not known yet'}.`); return }
  const reason = $('reason').value.trim()
  if (required && !reason) { tab('decide'); $('reason').focus(); edge('Give a reason first.'); return }
  const body = {decision, reason, attempt: now.review.attempt}
  if (decision === 'REJECT') body.text = $('text').checked
  if (decision === 'REGIONS') {
    if (!fetched()) return
    const regions = unsent()
    if (!regions.add.length && !regions.remove.length) { edge('There is no new box. Draw one with r, or with the mouse.'); return }
    Object.assign(body, {regions, scope: now.scope})
  } else if (anyUnsent() && decision === 'ACCEPT') {
    edge('There are boxes that are not sent. Send them with Shift B, or take them back with f.')
    return
  }
  busy(true)
  try {
    const answer = await post(body)
    $('reason').value = ''
    if (decision === 'REGIONS') {
      drawn.delete(body.regions.instance)
      refused.delete(body.regions.instance)
      SendIt.toast(`Batch ${batch} is ${done}.`)
      await waitUntilMasked()
    } else if (answer.batch.state === 'REVIEW') { // another person has to accept it, too
      SendIt.toast(`Batch ${batch}: your decision is recorded. Another user has to accept it, too.`)
      await consult()
    } else {
      drawn.clear()
      refused.clear()
      SendIt.leave(next || place.dataset.queue, `Batch ${batch} is ${done}.`)
    }
  } catch (problem) {
    SendIt.toast(problem.message, 'bad')
    if (problem.status === 409) consult().catch(() => {})
  } finally {
    busy(false)
  }
}

async function post(body) {
  const answer = await fetch(`${store.base}review`, {
    method: 'POST', credentials: 'same-origin', body: JSON.stringify(body),
    headers: {'Content-Type': 'application/json', Accept: 'application/json'},
  })
  if (!answer.ok) throw await problemOf(answer)
  return answer.json()
}

// Show the images again once the batch came back to its review.
async function waitUntilMasked() {
  say('The boxes are being masked; the images are shown again as soon as that is done.')
  for (let tries = 0; tries < 150; tries++) {
    await new Promise(resolve => setTimeout(resolve, Math.min(2000, 300 + 100 * tries)))
    const answer = await fetch(`${root}api/batches/${batch}`, {credentials: 'same-origin'}).then(a => a.json()).catch(() => ({}))
    if (answer.state && !['QUEUED', 'PROCESSING'].includes(answer.state)) {
      store.forget()
      now.images = []
      await consult()
      await go(now.index, now.frame)
      return
    }
  }
}

function busy(on) {
  for (const button of place.querySelectorAll('[data-decide]')) button.disabled = on || !now.review?.allowed.includes(button.dataset.decide)
}

// --- the panel -------------------------------------------------------------------------------------------------------------

function panel() {
  const image = now.facts.image
  now.images[now.index] = image
  const words = [
    ['Image', `${now.index + 1} of ${now.count}`],
    ['State', image.state === 'RELEASED' ? 'cleaned, not sent yet' : image.state.toLowerCase()],
    ['Modality', image.modality || '–'],
    ['Size', `${now.facts.columns} × ${now.facts.rows}${now.facts.frames > 1 ? `, ${now.facts.frames} frames` : ''}`],
    ['Pixels', [image.pixels, image.how === image.doubt ? '' : image.how].filter(Boolean).join(': ') || '–'],
    ...(image.doubt ? [['Doubt', image.doubt]] : []),
    ...(image.reason && image.reason !== image.doubt ? [['Reason', image.reason]] : []),
  ]
  $('facts').replaceChildren(...words.flatMap(([name, text]) => [make('dt', name), make('dd', text)]))
  $('slider').max = String(now.facts.frames)
  $('frames').hidden = now.facts.frames < 2
  $('go').max = String(now.count)
  $('of').textContent = `of ${now.count}`
  windowWords(now.preset < 0 ? currentWindow() : now.facts.windows[now.preset])
  boxList()
  if ($('header-tab').getAttribute('aria-selected') === 'true') header()
}

function boxList() {
  const all = boxes()
  $('boxes').replaceChildren(...all.map((box, index) => {
    const words = box.kind === 'new' ? 'new' : box.false ? 'false' : box.kind
    const button = make('button', [make('i', '', {className: `swatch ${words}`, ariaHidden: 'true'}), `${words}: ${box.x1 - box.x0} × ${box.y1 - box.y0}`], {type: 'button', className: 'quiet', title: box.why})
    button.setAttribute('aria-pressed', String(index === stage.selected))
    button.addEventListener('click', () => select(index))
    const parts = [button]
    if (may.decide && (box.kind === 'new' || box.removable)) {
      const words = box.kind === 'new' ? 'Take back' : box.kind === 'drawn' ? (box.false ? 'Keep' : 'Remove') : box.false ? 'Mask it' : 'Not text'
      const off = make('button', words, {type: 'button'})
      off.addEventListener('click', () => strike(index))
      parts.push(off)
    }
    return make('li', [...parts, make('small', box.why, {className: 'soft'})])
  }))
  $('no-boxes').hidden = all.length > 0
}

function tell() {
  if (!now.ready) return
  const image = now.images[now.index]
  $('go').value = String(now.index + 1)
  $('slider').value = String(now.frame)
  $('frame').textContent = `${now.frame} / ${now.facts.frames}`
  const side = now.side && image.has_output && may.originals ? 'before and after' : shownSide(image)
  const count = boxes().length
  stage.canvas.setAttribute('aria-label', `Image ${now.index + 1} of ${now.count}, frame ${now.frame} of ${now.facts.frames}, ${side}, ${count} box${count === 1 ? '' : 'es'}`)
  pressed('before', shownSide(image) === 'before' && !now.side)
  pressed('after', shownSide(image) === 'after' && !now.side)
  pressed('side', now.side)
  pressed('draw', stage.drawing)
  pressed('solid', stage.solid)
  for (const button of place.querySelectorAll('[data-scope]')) button.setAttribute('aria-pressed', String(button.dataset.scope === now.scope))
}

function pressed(name, on) {
  place.querySelector(`[data-do="${name}"]`)?.setAttribute('aria-pressed', String(on))
}

function say(text) {
  $('said').textContent = text
}

function edge(text) {
  say(text)
  const line = $('edge')
  line.textContent = text
  line.hidden = false
  clearTimeout(now.edge)
  now.edge = setTimeout(() => { line.hidden = true }, 2500)
}

function fault(problem) {
  if (problem.message === 'no longer needed') return
  $('busy').hidden = true
  $('fault').hidden = false
  $('fault').textContent = problem.message
  stage.show([], {columns: 1, rows: 1}, [])
  now.ready = false
  place.dataset.shown = 'fault'
}

// --- header, sheet -----------------------------------------------------------------------------------------------------------

async function header() {
  const {number} = now.images[now.index]
  const container = $('header')
  if (container.dataset.number === String(number)) return
  container.dataset.number = String(number)
  container.replaceChildren(make('p', 'The header is being compared …', {className: 'soft'}))
  try {
    const answer = await store.json(`instances/${number}/header`)
    if (container.dataset.number === String(number)) showHeader(container, answer)
  } catch (problem) {
    container.dataset.number = ''
    container.replaceChildren(make('p', problem.message, {className: 'banner bad'}))
  }
}

function tab(name) {
  for (const one of ['decide', 'header']) {
    const chosen = one === name
    const button = $(`${one}-tab`)
    button.setAttribute('aria-selected', String(chosen))
    button.tabIndex = chosen ? 0 : -1
    $(`${one}-panel`).hidden = !chosen
  }
  place.classList.toggle('wide-panel', name === 'header')
  if (name === 'header') header()
}

function sheet() {
  if (!fetched()) return
  const dialog = $('sheet')
  if (dialog.open) { dialog.close(); return }
  const frames = now.facts && now.facts.frames > 1
  const count = frames ? now.facts.frames : now.count
  const at = frames ? now.frame - 1 : now.index
  sheetPage(Math.floor(at / SHEET) * SHEET, count, frames)
  dialog.showModal()
  dialog.querySelector('[aria-current]').focus()
}

function sheetPage(first, count, frames) {
  const image = now.images[now.index]
  const which = shownSide(image)
  const base = frames ? `instances/${image.number}/sheet` : 'sheet'
  const shown = Math.min(SHEET, count - first)
  const picture = make('img', [], {alt: `${frames ? 'Frames' : 'Images'} ${first + 1} to ${first + shown}`, src: `${store.base}${base}?which=${which}&first=${first + 1}&count=${shown}`})
  const choose = number => {
    $('sheet').close()
    if (frames) showFrame(number)
    else go(number - 1)
  }
  const tiles = Array.from({length: shown}, (_, index) => {
    const number = first + index + 1
    const flags = frames ? '' : flagsOf(now.images[number - 1])
    const button = make('button', make('span', `${number}${flags}`), {type: 'button', ariaLabel: `${frames ? 'Frame' : 'Image'} ${number}`})
    button.addEventListener('click', () => choose(number))
    if (number === (frames ? now.frame : now.index + 1)) button.setAttribute('aria-current', 'true')
    return button
  })
  const turn = (text, to) => {
    const button = make('button', text, {type: 'button', disabled: to < 0 || to >= count})
    button.addEventListener('click', () => sheetPage(to, count, frames))
    return button
  }
  $('sheet-body').replaceChildren(
    make('div', [picture, make('div', tiles, {className: 'tiles'})], {className: 'contact'}),
    make('div', [turn('Earlier', first - SHEET), make('span', `${first + 1} to ${first + shown} of ${count}`, {className: 'soft'}), turn('Later', first + SHEET)], {className: 'pager'}),
  )
}

function flagsOf(image) {
  if (!image) return ''
  return image.doubt ? ' ?' : image.boxes.length ? ` ▢${image.boxes.length}` : ''
}

// --- buttons and keys ----------------------------------------------------------------------------------------------------------

function scope(step = 1) {
  now.scope = SCOPES[(SCOPES.indexOf(now.scope) + step) % SCOPES.length]
  say(`Boxes go to ${SCOPE_WORDS[now.scope]}.`)
  tell()
}

function which(side) {
  if (!fetched()) return
  if (side === 'before' && !may.originals) { edge('You may not look at originals.'); return }
  now.side = false
  now.which = side
  if (!now.images[now.index].has_output) edge('There is no output of this image: it is shown as it came.')
  paint().catch(fault)
}

function sides() {
  if (!fetched()) return
  if (!may.originals) { edge('You may not look at originals.'); return }
  now.side = !now.side
  stage.view = null
  paint().catch(fault)
}

function draw(on = !stage.drawing) {
  stage.drawing = on && may.decide
  if (on && !may.decide) edge('You may not draw boxes: that needs the role Review.')
  stage.canvas.classList.toggle('drawing', stage.drawing)
  tell()
}

function keyBox() {
  if (!fetched()) return
  if (!may.decide) { edge('You may not draw boxes: that needs the role Review.'); return }
  stage.canvas.focus()
  stage.beginBox()
  edge('Arrows move the box, Shift and arrows resize it, Enter draws it, Escape leaves it.')
}

const DOES = {
  next: () => go(now.index + 1), previous: () => go(now.index - 1), first: () => go(0), last: () => go(now.count - 1),
  before: () => which('before'), after: () => which('after'), toggle: () => fetched() && which(shownSide(now.images[now.index]) === 'after' ? 'before' : 'after'),
  side: sides, in: () => stage.zoom(1.25), out: () => stage.zoom(0.8), fit: () => stage.fit(), actual: () => stage.actual(),
  preset: () => preset(1), draw: () => draw(), solid: () => { stage.solid = !stage.solid; stage.draw(); tell() },
  keybox: keyBox, sheet, strike: () => strike(), scope: () => scope(),
  forward: () => stepFrame(1), back: () => stepFrame(-1),
  select: () => { if (!fetched()) return; const all = boxes(); if (all.length) select((stage.selected + 1) % all.length); else edge('There is no box.') },
  reason: () => { tab('decide'); $('reason').focus() },
  tab: () => tab($('header-tab').getAttribute('aria-selected') === 'true' ? 'decide' : 'header'),
  batch: () => { if (next) location.assign(next); else edge('This is the last batch of the queue.') },
  batchBack: () => { if (previous) location.assign(previous); else edge('This is the first batch of the queue.') },
}

const KEYS = {
  ArrowRight: 'next', ArrowLeft: 'previous', ' ': 'next', n: 'next', p: 'previous', Home: 'first', End: 'last',
  ArrowDown: 'forward', ArrowUp: 'back', PageDown: 'forward', PageUp: 'back',
  b: 'toggle', s: 'side', '+': 'in', '=': 'in', '-': 'out', 0: 'fit', 1: 'actual', w: 'preset', v: 'solid',
  r: 'keybox', m: 'draw', o: 'select', f: 'strike', Delete: 'strike', c: 'scope', i: 'sheet', h: 'tab', e: 'reason',
  '.': 'batch', ',': 'batchBack',
}
const SHIFTED = {A: 'ACCEPT', R: 'REJECT', H: 'HOLD', U: 'RERUN', B: 'REGIONS'}
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return
  const field = event.target.matches?.('input, textarea, select')
  if (field) {
    if (event.key === 'Escape') { event.target.blur(); stage.canvas.focus() }
    else if (event.key === 'Enter' && event.target === $('go')) go(Number($('go').value) - 1)
    return
  }
  const arrow = ARROWS[event.key]
  let done = true
  if (stage.pending && arrow) stage.nudge(...arrow, event.shiftKey)
  else if (stage.pending && event.key === 'Enter') stage.endBox(true)
  else if (event.key === 'Escape') { stage.endBox(false); draw(false); redraw(-1) }
  else if (event.shiftKey && arrow) stage.pan(-40 * arrow[0], -40 * arrow[1])
  else if (event.key === '[' || event.key === ']') adjust(0, event.key === '[' ? 0.8 : 1.25)
  else if (event.key === '{' || event.key === '}') adjust(event.key === '{' ? 0.1 : -0.1, 1)
  else if (event.shiftKey && Object.hasOwn(SHIFTED, event.key)) decide(SHIFTED[event.key])
  else if (event.key === ' ' && event.target.matches('button, a, summary')) done = false
  else if (Object.hasOwn(KEYS, event.key)) DOES[KEYS[event.key]]()
  else done = false
  if (done) { event.preventDefault(); event.stopPropagation() }
}

document.addEventListener('keydown', onKey, true)
place.addEventListener('click', event => {
  const button = event.target.closest('button')
  if (!button) return
  const {do: name, decide: decision, scope: chosen, tab: tabName} = button.dataset
  if (name) DOES[name]()
  else if (decision) decide(decision)
  else if (chosen) { now.scope = chosen; tell() }
  else if (tabName) tab(tabName)
})
$('slider').addEventListener('input', () => showFrame(Number($('slider').value)))
$('go').addEventListener('change', () => go(Number($('go').value) - 1))
$('sheet').addEventListener('click', event => { if (event.target.closest('[data-close]')) $('sheet').close() })
addEventListener('beforeunload', event => { if (anyUnsent()) event.preventDefault() })

consult().catch(() => {})
list(1).then(() => {
  if (!now.count) { fault(new Error('The batch has no instances.')); return }
  stage.canvas.focus({preventScroll: true})
  return go(Math.min(now.count, Math.max(1, Number(location.hash.slice(1)) || 1)) - 1)
}).catch(fault)
