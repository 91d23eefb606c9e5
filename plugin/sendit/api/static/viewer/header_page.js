// The page of one instance's header.

import {make, showHeader} from './header.js'
import {problemOf} from './store.js'

const container = document.querySelector('[data-header]')
try {
  const answer = await fetch(document.documentElement.dataset.root + container.dataset.header, {credentials: 'same-origin'})
  if (!answer.ok) throw await problemOf(answer)
  showHeader(container, await answer.json())
} catch (problem) {
  container.replaceChildren(make('p', problem.message, {className: 'banner bad', role: 'alert'}))
}
