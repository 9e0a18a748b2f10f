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
  };
})();
