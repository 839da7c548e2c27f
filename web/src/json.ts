// JSON as the server wrote it: a number that a double would change keeps its text, and a payload is
// kept as the bytes it came in. Pure.

/** A number that a double cannot hold exactly, by its digits. */
export class Exact {
  constructor(readonly text: string) {}
  toString(): string { return this.text; }
}
/** A value that is shown and not looked into: its JSON text. */
export class Raw {
  constructor(readonly text: string) {}
}
export type Json = null | boolean | number | string | Exact | Raw | Json[] | { [key: string]: Json };

const payloads = new Set(['input', 'result', 'terms', 'data', 'payload']);

/** Throws SyntaxError. Members of these names are kept as text (`Raw`). */
export function parse(text: string, raw: ReadonlySet<string> = payloads): Json {
  let at = 0;
  const fail = (): never => { throw new SyntaxError(`no JSON at character ${at}`); };
  const space = () => {
    for (let c = text.charCodeAt(at); c === 32 || c === 10 || c === 13 || c === 9;) c = text.charCodeAt(++at);
  };
  /** From the opening quote to behind the closing one; whether it has escapes. */
  const skipString = (): boolean => {
    let escaped = false;
    for (++at; at < text.length; ++at) {
      const c = text.charCodeAt(at);
      if (c === 34) { ++at; return escaped; }
      if (c === 92) { escaped = true; ++at; }
    }
    return fail();
  };
  const string = (): string => {
    const begin = at;
    if (text.charCodeAt(at) !== 34) fail();
    return skipString() ? JSON.parse(text.slice(begin, at)) : text.slice(begin + 1, at - 1);
  };
  const scalar = (): string => {
    const begin = at;
    while (at < text.length && !',]} \n\r\t'.includes(text[at]!)) ++at;
    return text.slice(begin, at);
  };
  const skip = () => {
    for (let depth = 0; at < text.length;) {
      const c = text.charCodeAt(at);
      if (c === 34) skipString();
      else if (c === 123 || c === 91) { ++depth; ++at; }
      else if (c === 125 || c === 93) { --depth; ++at; }
      else if (c === 44 || c === 58 || c <= 32) { ++at; continue; }
      else if (scalar() === '') fail();
      if (depth === 0) return;
    }
    fail();
  };
  const value = (): Json => {
    space();
    const c = text.charCodeAt(at);
    if (c === 34) return string();
    if (c === 123) {
      const object: { [key: string]: Json } = {};
      ++at; space();
      if (text.charCodeAt(at) === 125) { ++at; return object; }
      for (;;) {
        space();
        const key = string();
        space();
        if (text.charCodeAt(at++) !== 58) fail();
        let member: Json;
        if (raw.has(key)) {
          space();
          const begin = at;
          skip();
          member = new Raw(text.slice(begin, at));
        } else member = value();
        if (key === '__proto__') Object.defineProperty(object, key, { value: member, enumerable: true });
        else object[key] = member;
        space();
        const next = text.charCodeAt(at++);
        if (next === 125) return object;
        if (next !== 44) fail();
      }
    }
    if (c === 91) {
      const list: Json[] = [];
      ++at; space();
      if (text.charCodeAt(at) === 93) { ++at; return list; }
      for (;;) {
        list.push(value());
        space();
        const next = text.charCodeAt(at++);
        if (next === 93) return list;
        if (next !== 44) fail();
      }
    }
    const word = scalar();
    if (word === 'true') return true;
    if (word === 'false') return false;
    if (word === 'null') return null;
    if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(word)) fail();
    const n = Number(word);
    return String(n) === word ? n : new Exact(word);
  };
  const all = value();
  space();
  if (at < text.length) fail();
  return all;
}

const none: ReadonlySet<string> = new Set();
/** What a Raw holds, or null if it is no JSON. */
export function inside(raw: unknown): Json {
  try { return raw instanceof Raw ? parse(raw.text, none) : null; } catch { return null; }
}

export type Token = { kind: 'key' | 'string' | 'number' | 'word' | 'mark'; text: string };
/** JSON text with line breaks and indentation; numbers and strings stay as they are written. */
export function pretty(text: string): Token[] {
  const out: Token[] = [];
  const scan = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
  const found = text.match(scan) ?? [];
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  const mark = (t: string) => out.push({ kind: 'mark', text: t });
  found.forEach((token, i) => {
    const next = found[i + 1];
    if (token === '{' || token === '[') {
      const is_empty = next === '}' || next === ']';
      if (!is_empty) ++depth;
      mark(is_empty ? token : token + line());
    } else if (token === '}' || token === ']') {
      const is_empty = found[i - 1] === '{' || found[i - 1] === '[';
      if (!is_empty) --depth;
      mark(is_empty ? token : line() + token);
    } else if (token === ',') mark(`,${line()}`);
    else if (token === ':') mark(': ');
    else if (token.startsWith('"')) out.push({ kind: next === ':' ? 'key' : 'string', text: token });
    else out.push({ kind: /^-?\d/.test(token) ? 'number' : 'word', text: token });
  });
  return out;
}
