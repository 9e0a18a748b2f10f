// Sets the theme before the first paint, so that nothing flashes. Light or dark is the browser's wish until the person chooses.
(() => {
  const saved = localStorage.getItem('homeport-theme');
  if (saved === 'light' || saved === 'dark') document.documentElement.dataset.theme = saved;
})();
