// Before the page is drawn: the scheme that this browser's user chose; without a choice, the system's.
try {
  const chosen = localStorage.getItem('sendit-theme')
  if (chosen) document.documentElement.dataset.theme = chosen
} catch { /* storage is switched off: the system's scheme */ }
