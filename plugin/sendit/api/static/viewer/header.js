// The table of a header before and after: rows of the API, as text, with a filter.

const KEPT = new Set(['kept', 'was blank', 'items processed', ''])

// Returns an element made of a name, texts or elements, and properties.
export function make(name, content = [], properties = {}) {
  const element = Object.assign(document.createElement(name), properties)
  element.append(...[content].flat())
  return element
}

// Fill a container with the rows of an answer of …/header or of a preview.
export function showHeader(container, answer) {
  const counts = new Map()
  for (const row of answer.rows) counts.set(row.happens, (counts.get(row.happens) || 0) + 1)
  const search = make('input', [], {type: 'search', placeholder: 'tag, name or value', autocomplete: 'off'})
  const changed = make('input', [], {type: 'checkbox'})
  const told = make('p', [], {className: 'soft small', role: 'status'})
  const body = make('tbody')
  const table = make('table', [
    make('thead', make('tr', ['Element and rule', 'Before', 'After'].map(text => make('th', text, {scope: 'col'})))),
    body,
  ], {className: 'header'})
  container.replaceChildren(
    ...notes(answer).map(text => make('p', text, {className: 'banner warn'})),
    make('div', [make('label', ['Find', search]), make('label', [changed, ' only what changes'], {className: 'check'})], {className: 'filters'}),
    told,
    make('div', table, {className: 'table', tabIndex: 0, role: 'region', ariaLabel: 'Header'}),
  )
  const rows = answer.rows.map(row => [row, rowOf(row, answer.originals)])
  const draw = () => {
    const wanted = search.value.trim().toLowerCase()
    const shown = rows.filter(([row]) => (!changed.checked || !KEPT.has(row.happens)) && (!wanted || textOf(row).includes(wanted)))
    body.replaceChildren(...shown.map(([, element]) => element))
    const summary = [...counts].filter(([name]) => name).map(([name, count]) => `${count} ${name}`).join(', ')
    told.textContent = shown.length === rows.length ? `${rows.length} elements: ${summary}.` : `${shown.length} of ${rows.length} elements.`
  }
  search.addEventListener('input', draw)
  changed.addEventListener('change', draw)
  draw()
  return search
}

function notes(answer) {
  const said = [...(answer.notes || [])]
  if (answer.planned) said.push('There is no output: the rows tell what the project’s rules would do.')
  if (answer.same_rules === false) said.push('The project’s rules have changed since the output was made. The values after are those of the output; the rule that is named is that of today.')
  if (!answer.originals) said.push('Original values are hidden: they need the role Review or LookUp.')
  return said
}

function textOf(row) {
  return `${row.tag} ${row.keyword} ${row.creator} ${row.before} ${row.after} ${row.happens} ${row.decided}`.toLowerCase()
}

function rowOf(row, originals) {
  const changes = KEPT.has(row.happens) ? '' : row.after_length === null ? 'gone' : 'changes'
  const name = make('th', [
    make('span', row.keyword || 'unknown', {className: 'keyword'}),
    make('small', [`${row.tag} ${row.vr}`, row.creator ? ` · ${row.creator}` : ''], {className: 'soft'}),
    make('small', [make('b', row.happens), row.decided ? `: ${row.decided}` : ''], {className: 'rule'}),
  ], {scope: 'row', className: `deep${Math.min(4, row.depth)}`})
  return make('tr', [name, cell('Before', row.before, originals ? row.before_length : 0), cell('After', row.after, row.after_length)], {className: changes})
}

function cell(name, value, length) {
  const cut = value.endsWith('…') && length > value.length
  const element = make('td', [make('code', value || (length === null ? '' : '–')), cut ? make('small', ` ${length} bytes`, {className: 'soft'}) : ''])
  element.dataset.name = name
  if (!value) element.className = 'none'
  return element
}
