// What Blazor cannot do: modal dialogs, the clipboard and the theme. Listeners are on the document, since pages come and go.
(() => {
  const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
  document.addEventListener('click', async (event) => {
    const toggle = event.target.closest('[data-theme-toggle]');
    if (toggle) {
      const theme = isDark() ? 'light' : 'dark';
      document.documentElement.dataset.theme = theme;
      localStorage.setItem('homeport-theme', theme);
      return;
    }
    const copy = event.target.closest('[data-copy]');
    const download = event.target.closest('[data-download]');
    if (download) {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([download.dataset.text], { type: 'text/csv' }));
      link.download = download.dataset.download;
      link.click();
      URL.revokeObjectURL(link.href);
      return;
    }
    if (copy) {
      await navigator.clipboard.writeText(copy.dataset.copy);
      const text = copy.textContent;
      copy.textContent = 'Copied';
      setTimeout(() => { copy.textContent = text; }, 1500);
    }
  });
  // "/" goes to the search field, as in many tools.
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const field = document.querySelector('[data-search]');
    if (field) { event.preventDefault(); field.focus(); }
  });
  window.homeport = {
    showDialog(element) { if (!element.open) element.showModal(); },
    // Puts the caret to a place in a text; columns count characters, not halves of them.
    showPlace(id, line, column) {
      const area = document.getElementById(id);
      if (!area) return;
      const lines = area.value.split('\n');
      const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
      const at = start + [...(lines[line - 1] ?? '')].slice(0, column - 1).join('').length;
      area.focus();
      area.setSelectionRange(at, at + 1);
      area.scrollTop = Math.max(0, (line - 5) * parseFloat(getComputedStyle(area).lineHeight));
    },
  };
})();
