// The page of a project: what it would do to a study, shown as a header before and after.

import {make, showHeader} from './header.js'

const form = document.getElementById('preview')
const container = document.getElementById('previewed')

form?.addEventListener('submit', async event => {
  event.preventDefault()
  const button = form.querySelector('button')
  button.disabled = true
  container.replaceChildren(make('p', 'The study is being de-identified for a look …', {className: 'soft', role: 'status'}))
  try {
    const body = {study: form.study.value.trim(), instance: Number(form.instance.value)}
    const path = `api/projects/${encodeURIComponent(form.dataset.project)}/preview`
    show(await SendIt.send(path, 'POST', body))
  } catch (problem) {
    container.replaceChildren(make('p', problem.message, {className: 'banner bad', role: 'alert'}))
  } finally {
    button.disabled = false
  }
})

function show(answer) {
  const released = answer.outcome === 'released'
  const words = `Instance ${answer.instance} of ${answer.instances} would be ${released ? 'released' : `${answer.outcome}: ${answer.reason}`}.`
  const table = make('div', [], {className: 'previewed'})
  container.replaceChildren(make('p', words, {className: `banner ${released ? 'good' : 'bad'}`, role: 'status'}), table)
  showHeader(table, {...answer, planned: !released})
}
