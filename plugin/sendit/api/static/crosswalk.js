// The crosswalk: what was found is drawn as text, and goes with the page.
(() => {
  'use strict'
  const form = document.querySelector('#lookup')
  if (!form) return
  const [found, nothing] = [document.querySelector('#found'), document.querySelector('#nothing')]

  form.addEventListener('submit', async event => {
    event.preventDefault()
    const {project, kind, value, reason} = Object.fromEntries(new FormData(form))
    found.hidden = true
    nothing.hidden = true
    try {
      const {entries} = await SendIt.send('api/crosswalk/lookup', 'POST', {project, [kind]: value.trim(), reason})
      show(entries)
    } catch (problem) {
      say(problem.message)
    }
  })

  function show(entries) {
    if (!entries.length) { say('Nothing is known of this in the project. The look was recorded.'); return }
    const names = {kind: 'Kind', original: 'Original', issuer: 'Issuer', code: 'Code', patient: 'Coded PatientID'}
    const rows = entries.map(entry => {
      const row = document.createElement('tr')
      for (const [key, name] of Object.entries(names)) {
        const cell = document.createElement('td')
        cell.dataset.name = name
        cell.className = 'break'
        cell.textContent = entry[key] || (key === 'original' ? '(empty)' : '–')
        row.append(cell)
      }
      row.append(batches(entry))
      return row
    })
    found.querySelector('tbody').replaceChildren(...rows)
    found.hidden = false
  }

  // What was made of a study or, for other entries, of the patient.
  function batches({kind, code, patient}) {
    const cell = document.createElement('td')
    cell.dataset.name = 'Batches'
    const link = document.createElement('a')
    link.href = `batches?${new URLSearchParams({coded: kind === 'study' ? code : patient || code})}`
    link.textContent = 'Show'
    cell.append(link)
    return cell
  }

  function say(text) {
    nothing.textContent = text
    nothing.hidden = false
  }
})()
