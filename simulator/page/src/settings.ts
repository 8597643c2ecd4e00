/** Choices that outlive a visit. They are kept in this browser; nothing is sent anywhere. */

export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`dubhe.${name}`);
  } catch {
    return null; // storage may be forbidden
  }
}

export function remember(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`dubhe.${name}`);
    else localStorage.setItem(`dubhe.${name}`, value);
  } catch {
    // the choice then lasts as long as the page
  }
}
