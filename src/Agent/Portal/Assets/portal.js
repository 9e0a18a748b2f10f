'use strict';

// Copy buttons: the clipboard where the browser gives it, else a selection that the person copies.
for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', async () => {
    const source = document.getElementById(button.dataset.copy);
    source.select();
    try {
      await navigator.clipboard.writeText(source.value);
      button.textContent = 'Copied';
    } catch {
      button.textContent = document.execCommand('copy') ? 'Copied' : 'Press Ctrl+C';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
}

// What moves by itself: connection and registration.
const connection = document.getElementById('connection');
if (connection) {
  const seen = { connection: connection.className, registration: document.getElementById('registration').className };
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch('/state', { cache: 'no-store' });
      if (!answer.ok) return;
      const state = await answer.json();
      const now = { connection: `badge ${state.connection.state}`, registration: `badge ${state.registration?.state ?? 'none'}` };
      const isTyping = [...document.querySelectorAll('input:not([type=hidden])')].some((i) => i.value !== i.defaultValue);
      if ((now.connection !== seen.connection || now.registration !== seen.registration) && !isTyping) location.reload();
    } catch {
      // The device is restarting or the network is gone; the next look tells.
    }
  }, 3000);
}
