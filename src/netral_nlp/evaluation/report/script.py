"""The few lines of script that filter the report's lists."""

from __future__ import annotations

SCRIPT = """
for (const list of document.querySelectorAll('[data-list]')) {
  const bar = list.querySelector('.filters'), items = [...list.querySelectorAll('article')];
  const fields = [...bar.querySelectorAll('select, input')], told = bar.querySelector('output');
  const groups = [...list.querySelectorAll('details')];
  const apply = () => {
    let shown = 0;
    for (const item of items) {
      item.hidden = !fields.every(field => !field.value || (field.name === 'words'
        ? item.textContent.toLowerCase().includes(field.value.toLowerCase())
        : (item.dataset[field.name] || '') === field.value));
      shown += item.hidden ? 0 : 1;
    }
    const active = fields.some(field => field.value);
    for (const group of groups) {
      group.hidden = active && !group.querySelector('article:not([hidden])');
      if (active && !group.hidden) group.open = true;
    }
    told.textContent = `${shown} of ${items.length}`;
  };
  bar.hidden = false;
  bar.addEventListener('input', apply);
  apply();
}
"""
