// Cohorts: the list is read here and sent as text; a result with identifiers is saved as a file, and not drawn.
(() => {
  'use strict'
  const form = document.querySelector('#pull')

  form?.addEventListener('submit', async event => {
    event.preventDefault()
    const button = form.querySelector('[type=submit]')
    const fields = form.elements
    show('', [])
    button.disabled = true
    try {
      const cohort = await text(fields.cohort.files[0])
      const body = {cohort, source: fields.source.value, project: fields.project.value, only_check: fields.what.value === 'check'}
      const {id} = await SendIt.send('api/pulls', 'POST', body)
      location.assign(`${SendIt.root}pulls/${id}`)
    } catch (problem) {
      show(problem.message, problem.lines || [])
    } finally {
      button.disabled = false
    }
  })

  async function text(file) {
    try {
      return new TextDecoder('utf-8', {fatal: true}).decode(await file.arrayBuffer())
    } catch {
      throw new Error('The list is not UTF-8 text. Save it as CSV UTF-8.')
    }
  }

  function show(message, lines) {
    const said = document.querySelector('#pull-problem')
    said.textContent = message
    said.hidden = !message
    const rows = lines.map(({line, problem}) => {
      const row = document.createElement('tr')
      for (const [name, value] of [['Line', line], ['Problem', problem]]) {
        const cell = document.createElement('td')
        cell.dataset.name = name
        cell.className = name === 'Line' ? 'n' : 'break'
        cell.textContent = value
        row.append(cell)
      }
      return row
    })
    const table = document.querySelector('#pull-lines')
    table.querySelector('tbody').replaceChildren(...rows)
    table.hidden = !rows.length
  }

  document.addEventListener('sendit:done', event => {
    const {name, csv} = event.detail || {}
    if (!csv) return
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([csv], {type: 'text/csv'}))
    link.download = name
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 1000)
  })
})()
