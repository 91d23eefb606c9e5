// The page of one instance's header.

import {make, showHeader} from './header.js'
import {problemOf} from './store.js'

const container = document.querySelector('[data-header]')
try {
  const answer = await fetch(document.documentElement.dataset.root + container.dataset.header, {credentials: 'same-origin'})
  if (!answer.ok) throw await problemOf(answer)
  showHeader(container, await answer.json())
} catch (problem) {
  // 404: it is not there any more, as it should be.
  container.replaceChildren(make('p', problem.message, {className: `banner ${problem.status === 404 ? 'busy' : 'bad'}`, role: 'alert'}))
}
