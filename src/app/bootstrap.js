const js = document.getElementById("islands-js").href;
const wasm = document.getElementById("islands-wasm").href;

// Islands wake in document order. One that fails is reported and the others go on.
const wake = async (module) => {
  for (const island of document.querySelectorAll("leptos-island")) {
    const start = module[island.dataset.component];
    if (!start) {
      console.warn("no island called", island.dataset.component);
      continue;
    }
    island.closest("leptos-children")?.$$on_hydrate?.();
    try {
      await start(island);
    } catch (error) {
      console.error("island failed", island.dataset.component, error);
    }
  }
};

const begin = async () => {
  const module = await import(js);
  await module.default({ module_or_path: wasm });
  module.hydrate();
  await wake(module);
};

if ("requestIdleCallback" in window) {
  window.requestIdleCallback(begin, { timeout: 1000 });
} else {
  window.setTimeout(begin, 1);
}
