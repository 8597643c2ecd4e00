// What the sources ask of a browser as they are loaded: an English one that remembers nothing.
Object.defineProperty(globalThis, "navigator", {
  value: { language: "en-US" },
  configurable: true,
});
