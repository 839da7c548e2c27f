// What is folded, so that much can be seen: siblings of a graph, idle time of a timeline. Pure.

export interface Item {
  key: string;
  type: string;
  state: string;
  parents: string[];
}
/** One node that is drawn: an action, or several that are alike. */
export interface Node {
  id: string;
  type: string;
  state: string;
  members: string[];
  parents: string[];
}

export type Depth = 'none' | 'siblings' | 'layers';

/** The longest path from a root, by key. Cycles cannot be: the server refuses them. */
export function layers_of(items: Item[]): Map<string, number> {
  const children = new Map<string, string[]>();
  const open = new Map<string, number>();
  const known = new Set(items.map((i) => i.key));
  for (const item of items) {
    const parents = item.parents.filter((p) => known.has(p));
    open.set(item.key, parents.length);
    for (const p of parents) {
      const list = children.get(p);
      if (list) list.push(item.key);
      else children.set(p, [item.key]);
    }
  }
  const layer = new Map<string, number>();
  const row = items.filter((i) => open.get(i.key) === 0).map((i) => i.key);
  for (const key of row) layer.set(key, 0);
  for (let i = 0; i < row.length; ++i) {
    const here = layer.get(row[i]!)!;
    for (const child of children.get(row[i]!) ?? []) {
      layer.set(child, Math.max(layer.get(child) ?? 0, here + 1));
      const left = open.get(child)! - 1;
      open.set(child, left);
      if (left === 0) row.push(child);
    }
  }
  for (const item of items) if (!layer.has(item.key)) layer.set(item.key, 0);
  return layer;
}

/** `siblings`: same parents, children, type and state. `layers`: same layer, type and state.
 *  Fewer than four are not folded; `unfolded` names groups that somebody has opened. */
export function fold(items: Item[], depth: Depth, unfolded: ReadonlySet<string> = new Set()): Node[] {
  const single = (i: Item): Node => ({ id: i.key, type: i.type, state: i.state, members: [i.key], parents: i.parents });
  if (depth === 'none') return items.map(single);
  const layer = layers_of(items);
  const children = new Map<string, string[]>();
  if (depth === 'siblings') {
    for (const i of items) for (const p of i.parents) {
      const list = children.get(p);
      if (list) list.push(i.key);
      else children.set(p, [i.key]);
    }
  }
  const name = (i: Item) => depth === 'siblings'
    ? JSON.stringify([i.type, i.state, [...i.parents].sort(), [...(children.get(i.key) ?? [])].sort()])
    : JSON.stringify([layer.get(i.key), i.type, i.state]);
  const groups = new Map<string, Item[]>();
  for (const i of items) {
    const key = name(i);
    const list = groups.get(key);
    if (list) list.push(i);
    else groups.set(key, [i]);
  }
  const node_of = new Map<string, string>();
  const nodes: Node[] = [];
  for (const list of groups.values()) {
    const id = `${list[0]!.key}+${list.length}`;
    if (list.length < 4 || unfolded.has(id)) {
      for (const i of list) {
        node_of.set(i.key, i.key);
        nodes.push(single(i));
      }
    } else {
      for (const i of list) node_of.set(i.key, id);
      nodes.push({ id, type: list[0]!.type, state: list[0]!.state, members: list.map((i) => i.key),
        parents: [...new Set(list.flatMap((i) => i.parents))] });
    }
  }
  for (const n of nodes) {
    n.parents = [...new Set(n.parents.map((p) => node_of.get(p) ?? p))].filter((p) => p !== n.id);
  }
  return nodes;
}

/** What all keys begin with, without the numbers that tell them apart; "" if that is too little. */
export function common_name(keys: string[]): string {
  let name = keys[0] ?? '';
  for (const key of keys) while (!key.startsWith(name)) name = name.slice(0, -1);
  name = name.replace(/[\d._:-]+$/, '').replace(/_ID$/, '');
  return name.length > 2 ? name : '';
}

/** The least folding that leaves no more than `most` nodes, and `wide` in a layer. */
export function depth_for(items: Item[], most: number, wide: number): Depth {
  for (const depth of ['none', 'siblings'] as const) {
    const nodes = fold(items, depth);
    if (nodes.length > most) continue;
    const width = new Map<number, number>();
    for (const l of layers_of(nodes.map((n) => ({ key: n.id, type: '', state: '', parents: n.parents }))).values()) width.set(l, (width.get(l) ?? 0) + 1);
    if (Math.max(0, ...width.values()) <= wide) return depth;
  }
  return 'layers';
}

export interface Span { from: number; to: number }
export interface Scale {
  /** Time to 0..width. */
  x(at: number): number;
  gaps: { from: number; to: number; x: number; width: number }[];
  from: number;
  to: number;
}

/** A scale over `busy`, in which idle time of more than a fifth of the busy time takes `gap_width`
 *  only. */
export function scale_of(busy: Span[], width: number, gap_width = 36): Scale {
  const sorted = busy.filter((s) => s.to >= s.from).sort((a, b) => a.from - b.from);
  if (sorted.length === 0) return { x: () => 0, gaps: [], from: 0, to: 0 };
  const merged: Span[] = [];
  for (const s of sorted) {
    const last = merged[merged.length - 1];
    if (last && s.from <= last.to) last.to = Math.max(last.to, s.to);
    else merged.push({ ...s });
  }
  const from = merged[0]!.from;
  const to = merged[merged.length - 1]!.to;
  const work = merged.reduce((sum, s) => sum + s.to - s.from, 0);
  // As many of the longest as leave room for the rest.
  const most = Math.max(0, Math.floor(width / gap_width / 3));
  const idle = merged.slice(1).map((s, i) => ({ from: merged[i]!.to, to: s.from }))
    .filter((g) => g.to - g.from > Math.max(work / 5, 200))
    .sort((a, b) => b.to - b.from - (a.to - a.from)).slice(0, most).sort((a, b) => a.from - b.from);
  const folded = idle.reduce((sum, g) => sum + g.to - g.from, 0);
  const shown = Math.max(to - from - folded, 1);
  const per_ms = Math.max(width - idle.length * gap_width, width / 3) / shown;
  const gaps: Scale['gaps'] = [];
  let before = 0;
  for (const g of idle) {
    const x = (g.from - from - before) * per_ms + gaps.length * gap_width;
    gaps.push({ ...g, x, width: gap_width });
    before += g.to - g.from;
  }
  const x = (at: number): number => {
    let off = 0;
    let n = 0;
    for (const g of gaps) {
      if (at >= g.to) { off += g.to - g.from; ++n; continue; }
      if (at > g.from) return g.x + (g.width * (at - g.from)) / (g.to - g.from);
      break;
    }
    return (at - from - off) * per_ms + n * gap_width;
  };
  return { x, gaps, from, to };
}
