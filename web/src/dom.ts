// Elements by calls. Text comes as text nodes only; nothing here takes markup.

export type Child = Node | string | number | null | undefined | false | Child[];
type Props = { [name: string]: unknown };

type Tags = HTMLElementTagNameMap;
type Named<T extends string> = T extends keyof Tags ? Tags[T] : HTMLElement;
type Made<T extends string> = T extends `${infer Name}.${string}` ? Named<Name> : Named<T>;
/** h('div.class', {attribute: value, onclick: f}, 'text', h('span')). */
export function h<T extends string>(tag: T, ...rest: (Props | Child)[]): Made<T> {
  const [name, ...classes] = tag.split('.');
  const e = document.createElement(name!);
  if (classes.length) e.className = classes.join(' ');
  fill(e, rest);
  return e as Made<T>;
}

const svg_space = 'http://www.w3.org/2000/svg';
export function s(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
  const e = document.createElementNS(svg_space, tag);
  for (const [name, value] of Object.entries(props)) if (value != null) e.setAttribute(name, String(value));
  add(e, children);
  return e;
}

function is_props(x: unknown): x is Props {
  return typeof x === 'object' && x !== null && !(x instanceof Node) && !Array.isArray(x);
}
function fill(e: HTMLElement, rest: unknown[]): void {
  for (const part of rest) {
    if (!is_props(part)) { add(e, [part as Child]); continue; }
    for (const [name, value] of Object.entries(part)) {
      if (value === undefined || value === null || value === false) continue;
      if (typeof value === 'function') e.addEventListener(name.replace(/^on/, ''), value as EventListener);
      else if (name === 'value') (e as HTMLInputElement).value = String(value);
      else e.setAttribute(name, value === true ? '' : String(value));
    }
  }
}
export function add(e: Element, children: Child[]): void {
  for (const c of children) {
    if (c === null || c === undefined || c === false) continue;
    if (Array.isArray(c)) add(e, c);
    else e.append(c instanceof Node ? c : String(c));
  }
}
export function set(e: Element, ...children: Child[]): void {
  e.replaceChildren();
  add(e, children);
}

let said: HTMLElement | undefined;
/** For those who do not see the page. */
export function announce(text: string): void {
  if (!said) document.body.append((said = h('div.unseen', { role: 'status', 'aria-live': 'polite' })));
  said.textContent = text;
}
