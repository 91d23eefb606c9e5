// The charts of Totals: bars by day, in the colours of the scheme. The tables below them hold the same numbers.
(() => {
  'use strict'
  const charts = new Map()

  const day = new Intl.DateTimeFormat(undefined, {day: 'numeric', month: 'short', timeZone: 'UTC'})

  function bytes(n) {
    const power = n ? Math.min(4, Math.floor(Math.log10(n) / 3)) : 0
    return `${Number((n / 1000 ** power).toPrecision(3)).toLocaleString()} ${['B', 'kB', 'MB', 'GB', 'TB'][power]}`
  }

  function colour(name) {
    const probe = document.createElement('i')
    probe.className = `ink-${name}`
    document.body.append(probe)
    const found = getComputedStyle(probe).color
    probe.remove()
    return found
  }

  function draw() {
    const held = document.querySelector('#series')
    if (!held) return
    const series = JSON.parse(held.dataset.series)
    for (const box of document.querySelectorAll('[data-chart]')) {
      const data = [series.days, series[box.dataset.chart]]
      const now = charts.get(box)
      if (now) { now.setData(data); continue }
      charts.set(box, new uPlot(options(box), data, box))
    }
  }

  function options(box) {
    const [ink, line, fill] = [colour('soft'), colour('line'), colour('accent')]
    const axis = {stroke: ink, grid: {stroke: line, width: 1}, ticks: {stroke: line, width: 1}, font: '12px system-ui'}
    return {
      width: box.clientWidth - 24,
      height: 220,
      tzDate: seconds => uPlot.tzDate(new Date(seconds * 1000), 'UTC'),
      legend: {show: false},
      cursor: {drag: {x: false, y: false}},
      scales: {
        x: {range: (_, first, last) => [first - 43200, last + 43200]},
        y: {range: (_, low, high) => [0, Math.max(high * 1.1, box.dataset.chart === 'studies' ? 4 : 1000)]},
      },
      axes: [
        {...axis, values: (_, ticks) => ticks.map(at => day.format(at * 1000)), space: 70, incrs: [1, 2, 7, 14, 30, 90].map(days => days * 86400)},
        {...axis, size: 70, values: (_, ticks) => ticks.map(box.dataset.chart === 'size' ? bytes : n => n.toLocaleString())},
      ],
      series: [{}, {fill, width: 0, paths: uPlot.paths.bars({size: [0.7, 48]}), points: {show: false}}],
    }
  }

  function again() {
    for (const chart of charts.values()) chart.destroy()
    charts.clear()
    draw()
  }

  document.addEventListener('sendit:drawn', draw)
  document.addEventListener('sendit:theme', again)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again)
  let width = innerWidth
  addEventListener('resize', () => { if (innerWidth !== width) { width = innerWidth; again() } })
  draw()
})()
