// What the sources ask of a browser as they are loaded: an English one that remembers nothing.
Object.defineProperty(globalThis, "navigator", {
  value: { language: "en-US" },
  configurable: true,
});

// Modules that only listen to the browser when they are loaded.
Object.assign(globalThis, {
  document: { addEventListener: () => undefined },
  matchMedia: () => ({ addEventListener: () => undefined }),
});
