// Several studies: each is asked for by itself, one after the other, and its row says what became of it.
(() => {
  'use strict'
  const form = document.querySelector('#studies-form')

  form?.addEventListener('submit', async event => {
    event.preventDefault()
    const button = form.querySelector('[type=submit]')
    const body = Object.fromEntries(new FormData(form))
    const rows = [...document.querySelectorAll('[data-outcome]')]
    button.disabled = true
    let refused = 0
    for (const row of rows) {
      try {
        const {batches} = await SendIt.send(`api/studies/${row.id.slice(1)}/deidentify`, 'POST', body)
        row.textContent = `Queued: batch ${batches.map(batch => batch.id).join(', ')}`
      } catch (problem) {
        row.textContent = problem.message
        refused += 1
      }
    }
    button.disabled = false
    const queued = `${rows.length - refused} of ${rows.length} studies queued.`
    SendIt.toast(refused ? `${queued} The list shows why the others were refused.` : queued, refused ? 'bad' : 'good')
    SendIt.refresh()
  })
})()
