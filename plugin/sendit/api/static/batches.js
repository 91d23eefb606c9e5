// The list of batches: what the actions act on, a selection or all that match the filter.
(() => {
  'use strict'
  const bar = document.querySelector('#selection')
  if (!bar) return
  const all = bar.querySelector('#all-matching')
  let matching = false

  function list() { return document.querySelector('#list') }

  function draw() {
    const chosen = [...SendIt.selected].map(Number)
    const total = Number(list()?.dataset.total || 0)
    const exact = list()?.dataset.exact === '1'
    if (!chosen.length) matching = false
    bar.hidden = !chosen.length
    bar.querySelector('#selected').textContent = matching
      ? `All ${exact ? '' : 'at least '}${total.toLocaleString()} that match the filter`
      : `${chosen.length} selected`
    all.hidden = !exact || total <= chosen.length
    all.textContent = matching ? 'Only the selected' : `Take all ${total.toLocaleString()} that match`
    const on = matching ? {filter: JSON.parse(list().dataset.filter), expected: total} : {batches: chosen}
    for (const button of bar.querySelectorAll('[data-act]')) {
      const {action} = JSON.parse(button.dataset.body)
      button.dataset.body = JSON.stringify({action, ...on})
      button.dataset.title = `${button.textContent.trim()}: ${matching ? total.toLocaleString() : chosen.length} batches`
    }
  }

  // An action goes on in the background, also over a restart of SendIt: its end is shown.
  async function follow(id) {
    for (let failures = 0; ;) {
      const now = await SendIt.send(`api/actions/${id}`, 'GET').then(
        one => { failures = 0; return one },
        problem => { if (++failures > 60) throw problem; return {} },
      )
      if (now.finished_at) {
        const why = now.outcomes.find(one => !one.ok)
        const refused = now.refused ? ` Nothing was done for ${now.refused}, for example batch ${why?.batch}: ${why?.said}.` : ''
        SendIt.toast(`${now.action}: done for ${now.done - now.refused} of ${now.total} batches.${refused}`, now.refused ? 'bad' : 'good')
        SendIt.refresh()
        return
      }
      await new Promise(resolve => setTimeout(resolve, failures ? 2000 : 700))
    }
  }

  all.addEventListener('click', () => { matching = !matching; draw() })
  bar.addEventListener('sendit:done', event => {
    SendIt.selected.clear()
    matching = false
    for (const box of document.querySelectorAll('input[data-row]')) box.checked = false
    SendIt.tellSelection()
    if (event.detail?.id) follow(event.detail.id).catch(problem => SendIt.toast(problem.message, 'bad'))
  })
  document.addEventListener('sendit:selected', draw)
  document.addEventListener('sendit:drawn', draw)
  draw()
})()
