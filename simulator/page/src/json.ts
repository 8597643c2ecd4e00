/** JSON for people to read. */

const TOKEN = /"(?:\\.|[^"\\])*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** Breaks JSON into indented lines. Numbers stay as they are written: many of the messages' are
 * larger than what a browser can hold exactly.
 * @returns the text itself if it is no JSON */
export function indented(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  const tokens = text.match(TOKEN) ?? [];
  let result = "";
  let depth = 0;
  const line = (): string => `\n${"  ".repeat(depth)}`;
  tokens.forEach((token, place) => {
    const empty = "]}".includes(tokens[place + 1] ?? "");
    if (token === "{" || token === "[") {
      depth++;
      result += token + (empty ? "" : line());
    } else if (token === "}" || token === "]") {
      depth--;
      result += ("{[".includes(tokens[place - 1] ?? "") ? "" : line()) + token;
    } else if (token === ",") result += `,${line()}`;
    else if (token === ":") result += ": ";
    else if (token.startsWith('"')) result += JSON.stringify(JSON.parse(token)); // \u… as letters
    else result += token;
  });
  return result;
}
