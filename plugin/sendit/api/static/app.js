// Every page's script: times in the browser's zone, refreshing in place, buttons that act, keys, selection of rows.
(() => {
  'use strict'
  const html = document.documentElement
  const root = html.dataset.root
  const $ = (selector, from = document) => from.querySelector(selector)
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)]

  // --- times ---------------------------------------------------------------------------------------------------------

  const full = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'medium'})
  const hour = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit'})
  const day = new Intl.DateTimeFormat(undefined, {day: 'numeric', month: 'short'})
  const year = new Intl.DateTimeFormat(undefined, {day: 'numeric', month: 'short', year: 'numeric'})
  const distance = new Intl.RelativeTimeFormat('en', {numeric: 'auto'})

  function ago(at) {
    const seconds = (at - Date.now()) / 1000
    for (const [unit, length] of [['day', 86400], ['hour', 3600], ['minute', 60]]) {
      if (Math.abs(seconds) >= length) return distance.format(Math.trunc(seconds / length), unit)
    }
    return seconds > 0 ? 'in a moment' : 'just now'
  }

  function short(at) {
    const now = new Date()
    if (at.toDateString() === now.toDateString()) return hour.format(at)
    return `${(at.getFullYear() === now.getFullYear() ? day : year).format(at)}, ${hour.format(at)}`
  }

  function localise(time) {
    const at = new Date(time.dateTime)
    if (Number.isNaN(at.valueOf())) return
    const said = 'ago' in time.dataset ? ago(at) : 'full' in time.dataset ? full.format(at) : short(at)
    if (time.textContent !== said) time.textContent = said
  }

  // --- refreshing: the page's own address is fetched and morphed in, so focus, scroll, selection and input stay ----------

  const selected = new Set()
  const pressed = {down: false}

  Object.assign(Idiomorph.defaults.callbacks, {
    beforeNodeMorphed(old, fresh) {
      if (old.nodeType !== Node.ELEMENT_NODE || fresh.nodeType !== Node.ELEMENT_NODE) return true
      if (old.hasAttribute('data-keep')) return false // what the user types in, and what a script draws
      if (fresh.tagName === 'TIME') localise(fresh)
      if (fresh.tagName === 'DETAILS') fresh.open = old.open
      if (fresh.matches('input[data-row]')) fresh.checked = selected.has(fresh.value)
      if (fresh.id === 'menu') fresh.setAttribute('aria-expanded', old.getAttribute('aria-expanded'))
      return true
    },
  })

  function mayRefresh() {
    if (document.hidden || pressed.down || $('dialog[open]')) return false
    const selection = getSelection()
    return !(selection && !selection.isCollapsed && $('#page').contains(selection.anchorNode))
  }

  function look() {
    looked = Date.now()
    htmx.trigger('#page', 'refresh')
  }

  function refresh() {
    tag = ''
    look()
  }

  // The server keeps a question for changes open, one at a time and none while the page is hidden, and answers as soon
  // as there is one. Only few may wait: others are answered at once, and ask again. Looking at the page itself costs an
  // answer without content as long as it would be the same.
  const AGAIN = 4 // seconds
  let last = Date.now() // when the page was seen to be as it is shown
  let looked = Date.now()
  let tag = ''
  let cursor = ''
  let waiting = null

  const pause = seconds => new Promise(resolve => setTimeout(resolve, seconds * 1000))

  async function changed(seconds) {
    waiting = new AbortController()
    const wait = cursor ? seconds : 0
    const answer = await fetch(`${root}api/changes?since=${cursor}&wait=${wait}`, {signal: waiting.signal})
    if (!answer.ok) return false // too many ask at once; if SendIt is down, the next look says so
    const now = await answer.json()
    const news = cursor !== '' && now.cursor !== cursor
    cursor = now.cursor
    return news
  }

  async function live() {
    for (;;) {
      const seconds = Number($('#page').dataset.refresh)
      if (!seconds || !mayRefresh()) { await pause(0.5); continue }
      if (Date.now() - looked >= seconds * 1000) { look(); await pause(1); continue }
      if (seconds <= AGAIN) { await pause(0.5); continue }
      const begun = Date.now()
      const first = cursor === ''
      try {
        if (await changed(seconds)) look()
        await pause(first || Date.now() - begun > AGAIN * 1000 ? 0.5 : AGAIN)
      } catch (problem) {
        if (problem.name !== 'AbortError' && mayRefresh()) look() // which says that Orthanc does not answer
        await pause(AGAIN)
      } finally {
        waiting = null
      }
    }
  }

  function offline(what) {
    const line = $('#offline')
    line.textContent = `${what} What you see is from ${full.format(last)}.`
    line.hidden = false
  }

  function seen() {
    last = Date.now()
    $('#offline').hidden = true
  }

  document.addEventListener('htmx:configRequest', event => { if (tag) event.detail.headers['If-None-Match'] = tag })
  document.addEventListener('htmx:beforeSwap', event => {
    const {xhr} = event.detail
    if (xhr.status === 304) {
      event.detail.shouldSwap = false
      seen()
      $$('time').forEach(localise)
    } else if (xhr.status === 200) {
      tag = xhr.getResponseHeader('ETag') || ''
    }
  })
  document.addEventListener('htmx:afterSwap', () => {
    seen()
    drawn()
  })
  document.addEventListener('htmx:sendError', () => offline('Orthanc does not answer.'))
  document.addEventListener('htmx:timeout', () => offline('SendIt does not answer.'))
  document.addEventListener('htmx:responseError', event => {
    const status = event.detail.xhr.status
    offline({401: 'You are no longer logged in.', 403: 'You may not see this page any more.'}[status] || `SendIt is not running (${status}).`)
  })
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) waiting?.abort()
    else if (mayRefresh() && Number($('#page').dataset.refresh)) look()
  })
  addEventListener('pagehide', () => waiting?.abort())
  addEventListener('pointerdown', () => { pressed.down = true })
  for (const end of ['pointerup', 'pointercancel', 'blur']) addEventListener(end, () => { pressed.down = false })

  // After the page was drawn, or drawn again.
  function drawn() {
    $$('time').forEach(localise)
    tellSelection()
    document.dispatchEvent(new CustomEvent('sendit:drawn'))
  }

  // --- buttons that act ------------------------------------------------------------------------------------------------

  const dialog = $('#act')
  let asked = null

  function begin(button) {
    if (button.getAttribute('aria-disabled') === 'true') return
    const {title, reason} = button.dataset
    if (!title && !reason) { act(button, null); return }
    asked = button
    $('#act-title').textContent = title || button.textContent.trim()
    $('#act-text').textContent = button.dataset.text || ''
    $('#act-text').hidden = !button.dataset.text
    $('#act-reason').hidden = !reason
    $('#act-reason .soft').textContent = reason === 'required' ? '(required)' : '(optional)'
    const field = $('#act textarea')
    field.value = ''
    field.required = reason === 'required'
    $('#act-do').textContent = button.textContent.trim()
    $('#act-do').className = button.classList.contains('danger') ? 'main danger' : 'main'
    $('#act-problem').hidden = true
    dialog.showModal()
    if (reason) field.focus(); else $('#act-do').focus()
  }

  async function act(button, reason) {
    const {act: path, method = 'POST', done, go} = button.dataset
    const body = JSON.parse(button.dataset.body || '{}')
    if (reason !== null && button.dataset.reason) body.reason = reason
    button.setAttribute('aria-busy', 'true')
    $('#act-do').disabled = true
    try {
      const answer = await send(path, method, body)
      dialog.close()
      button.dispatchEvent(new CustomEvent('sendit:done', {bubbles: true, detail: answer}))
      if (go) { leave(go, done || 'Done.'); return }
      toast(done || 'Done.')
      refresh()
    } catch (problem) {
      if (dialog.open) {
        $('#act-problem').textContent = problem.message
        $('#act-problem').hidden = false
      } else {
        toast(problem.message, 'bad')
      }
    } finally {
      button.removeAttribute('aria-busy')
      $('#act-do').disabled = false
    }
  }

  // Send JSON to a route, relative to /sendit/. Returns the answer; throws an Error with problem and remedy in words,
  // and the lines of a list that are wrong.
  async function send(path, method, body) {
    let answer
    try {
      answer = await fetch(root + path, {
        method, credentials: 'same-origin', headers: {'Content-Type': 'application/json', Accept: 'application/json'},
        body: method === 'GET' ? undefined : JSON.stringify(body),
      })
    } catch {
      const perhaps = method === 'GET' ? 'Try again in a moment.' : 'Perhaps it is done all the same: look first, before you do it again.'
      throw new Error(`Orthanc does not answer. ${perhaps}`)
    }
    const said = await answer.json().catch(() => ({}))
    if (answer.ok) return said
    const problem = said.detail || said.title || said.error || `SendIt answers ${answer.status}.`
    const sentence = problem.charAt(0).toUpperCase() + problem.slice(1)
    const text = [/[.!?]$/.test(sentence) ? sentence : `${sentence}.`, said.cure].filter(Boolean).join(' ')
    throw Object.assign(new Error(text), {lines: said.lines})
  }

  // A form with data-post: its fields as JSON.
  async function post(form) {
    const button = $('[type=submit]', form)
    button.disabled = true
    try {
      const answer = await send(form.dataset.post, 'POST', Object.fromEntries(new FormData(form)))
      const heard = new CustomEvent('sendit:done', {bubbles: true, cancelable: true, detail: answer})
      if (form.dispatchEvent(heard)) { form.reset(); toast(form.dataset.done || 'Done.'); refresh() }
    } catch (problem) {
      toast(problem.message, 'bad')
    } finally {
      button.disabled = false
    }
  }

  // Ask a route, and say its answer in words in a line of the page.
  async function ask(button, line, path, method, body, meanwhile, words) {
    button.disabled = true
    line.className = 'banner busy'
    line.textContent = meanwhile
    line.hidden = false
    try {
      const [ok, text, ...more] = words(await send(path, method, body))
      line.className = `banner ${ok ? 'good' : 'bad'}`
      line.replaceChildren(text, ...more)
    } catch (problem) {
      line.className = 'banner bad'
      line.textContent = problem.message
    } finally {
      button.disabled = false
    }
  }

  function verdict({ok, intact, destinations}) {
    if (ok) return [true, `Verified: the receipts are intact, and ${destinations.map(one => one.destination).join(', ')} hold what they say.`]
    const wrong = destinations.filter(one => one.error || one.discrepancies.length)
    const said = wrong.map(one => `${one.destination}: ${one.error || `${one.discrepancies.length} instances differ`}.`)
    return [false, [...(intact ? [] : ['The receipts were changed since they were written.']), ...said].join(' ')]
  }

  function difference({difference: d}) {
    const not = Object.entries(d.not_sent).map(([reason, n]) => ` ${n} would not be sent: ${reason}.`).join('')
    const masked = d.masked_differently ? `, ${d.masked_differently} masked differently` : ''
    const note = d.attributes_note ? ` By attribute: ${d.attributes_note}.` : ''
    const text = `With the current rules, ${d.changed} of ${d.compared} compared instances would change${masked}.${not}${note}`
    return [!d.changed && !not, text, ...(d.attributes.length ? [attributes(d)] : [])]
  }

  // Which attributes the rules treat in another way: before → now, and the rule that decides.
  function attributes({attributes: all, attributes_read: read}) {
    const table = document.createElement('table')
    table.className = 'stack differences'
    table.createCaption().textContent = `Attributes that the rules treat in another way, in ${read} instances that were read`
    const head = table.createTHead().insertRow()
    const names = ['Attribute', 'Before', 'Rule', 'Now', 'Rule', 'Instances']
    for (const name of names) head.append(Object.assign(document.createElement('th'), {textContent: name}))
    const body = table.createTBody()
    for (const one of all) {
      const cells = [`${one.tag} ${one.name}`, one.before || '–', one.before_rule, one.after || '–', one.after_rule, one.instances]
      const row = body.insertRow()
      cells.forEach((text, n) => {
        const cell = row.insertCell()
        cell.dataset.name = names[n]
        cell.textContent = text
      })
    }
    return table
  }

  function chain({ok, entries, head, problem, broken}) {
    return [ok, ok ? `The chain holds: ${entries} entries. Note its head elsewhere: ${head}` : `The chain is broken at entry ${broken}: ${problem}`]
  }

  function tested({channels}) {
    const failed = channels.filter(one => one.state === 'failed')
    if (!channels.length) return [false, 'Nobody is configured.']
    return [!failed.length, failed.length ? failed.map(one => `${one.problem}.`).join(' ') : 'Every webhook and mail address took the test message.']
  }

  const questions = {
    verify: [() => $('#verdict'), 'POST', {}, 'Reading back from every destination …', verdict],
    differ: [() => $('#verdict'), 'POST', {preview: true}, 'De-identifying once more, to compare; nothing is kept …', difference],
    testAlarms: [() => $('#tested'), 'POST', {}, 'Sending a test message …', tested],
    checkAudit: [() => $('#chain'), 'GET', undefined, 'Reading the whole chain …', chain],
  }

  function toast(text, kind = 'good') {
    const one = document.createElement('p')
    one.className = `toast ${kind}`
    one.textContent = text
    $('#toasts').append(one)
    setTimeout(() => one.remove(), kind === 'bad' ? 12000 : 5000)
  }

  dialog.addEventListener('submit', event => {
    event.preventDefault()
    if (asked) act(asked, $('#act textarea').value.trim())
  })

  // --- selection of rows: checkboxes with data-row, within a form or table with data-selection -----------------------------

  let anchor = null

  function select(box, range) {
    const boxes = $$('input[data-row]')
    const from = boxes.findIndex(one => one.value === anchor)
    const to = boxes.indexOf(box)
    const all = range && from >= 0 ? boxes.slice(Math.min(from, to), Math.max(from, to) + 1) : [box]
    for (const one of all) {
      one.checked = box.checked
      if (box.checked) selected.add(one.value); else selected.delete(one.value)
    }
    anchor = box.value
    tellSelection()
  }

  function tellSelection() {
    const all = $('input[data-all]')
    const boxes = $$('input[data-row]')
    if (all) {
      const checked = boxes.filter(box => selected.has(box.value)).length
      all.checked = checked > 0 && checked === boxes.length
      all.indeterminate = checked > 0 && checked < boxes.length
    }
    document.dispatchEvent(new CustomEvent('sendit:selected', {detail: {values: [...selected]}}))
  }

  document.addEventListener('click', event => {
    const target = event.target
    if (target.matches('input[data-row]')) { select(target, event.shiftKey); return }
    if (target.matches('input[data-all]')) {
      for (const box of $$('input[data-row]')) {
        box.checked = target.checked
        if (target.checked) selected.add(box.value); else selected.delete(box.value)
      }
      tellSelection()
      return
    }
    const button = target.closest('button')
    if (!button) return
    const question = Object.keys(questions).find(name => name in button.dataset)
    if (question) {
      const [line, method, body, meanwhile, words] = questions[question]
      ask(button, line(), button.dataset[question], method, body, meanwhile, words)
    } else if ('act' in button.dataset) begin(button)
    else if ('close' in button.dataset) button.closest('dialog').close()
    else if ('themeSwitch' in button.dataset) theme()
    else if ('help' in button.dataset) $('#help').showModal()
    else if (button.id === 'menu') menu()
  })

  // --- filters: a form of method get; empty fields stay out of the address -----------------------------------------------

  document.addEventListener('submit', event => {
    const form = event.target
    if ('post' in form.dataset) { event.preventDefault(); post(form); return }
    if (form.method !== 'get') return
    for (const field of $$('input, select', form)) if (!field.value) field.disabled = true
  })
  document.addEventListener('change', event => {
    const form = event.target.form
    if (form && 'auto' in form.dataset) form.requestSubmit()
  })
  addEventListener('pageshow', () => { for (const field of $$('form [disabled]')) field.disabled = false })

  // --- scheme, menu, keys ------------------------------------------------------------------------------------------------

  function theme() {
    const dark = html.dataset.theme ? html.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
    html.dataset.theme = dark ? 'light' : 'dark'
    try { localStorage.setItem('sendit-theme', html.dataset.theme) } catch { /* not kept */ }
    document.dispatchEvent(new CustomEvent('sendit:theme'))
  }

  function menu() {
    const open = html.toggleAttribute('data-menu')
    $('#menu').setAttribute('aria-expanded', String(open))
  }

  function move(step) {
    const rows = $$('[data-href]')
    if (!rows.length) return
    const now = rows.indexOf(document.activeElement?.closest('[data-href]'))
    const next = rows[Math.max(0, Math.min(rows.length - 1, now < 0 ? 0 : now + step))]
    next.focus()
    next.scrollIntoView({block: 'nearest'})
  }

  let prefix = 0
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || $('dialog[open]')) return
    if (event.target.matches('input:not([type=checkbox]), textarea, select, [contenteditable]')) return
    const row = document.activeElement?.closest('[data-href]')
    if (Date.now() - prefix < 1500) {
      prefix = 0
      const link = $$('#nav a[data-key]').find(one => one.dataset.key === event.key)
      if (link) { event.preventDefault(); link.click() }
      return
    }
    const keys = {
      g: () => { prefix = Date.now() },
      j: () => move(1),
      k: () => move(-1),
      x: () => $('input[data-row]', row || document.createElement('p'))?.click(),
      d: theme,
      '/': () => $('[data-search]')?.focus(),
      '?': () => $('#help').showModal(),
    }
    if (event.key === 'Enter' && row && row === document.activeElement) location.assign(row.dataset.href)
    else if (Object.hasOwn(keys, event.key)) { event.preventDefault(); keys[event.key]() }
  })

  // Leave for another page, which says what was done on this one.
  function leave(address, said) {
    try { sessionStorage.setItem('sendit-said', said) } catch { /* it is not said */ }
    location.assign(address)
  }

  function sayLeft() {
    try {
      const said = sessionStorage.getItem('sendit-said')
      sessionStorage.removeItem('sendit-said')
      if (said) toast(said)
    } catch { /* nothing was kept */ }
  }

  // For the scripts of single views.
  window.SendIt = {root, send, toast, leave, refresh, selected, tellSelection, mayRefresh}
  drawn()
  sayLeft()
  live()
})()
