// Where the nodes of a graph stand: layers by the longest path, two barycentre sweeps for the order
// within them, and places as near to the middle of their neighbours as the order allows. Pure.
import { layers_of, type Node } from './fold.js';

export interface Place { x: number; y: number }
export interface Edge { from: string; to: string; points: Place[] }
export interface Layout {
  places: Map<string, Place>;  ///< middles
  edges: Edge[];
  width: number;
  height: number;
}
export interface Size { width: number; height: number; gap_x: number; gap_y: number }

interface Cell {
  layer: number;
  order: number;
  x: number;
  want: number;
  width: number;
  is_bend: boolean;
  up: Cell[];
  down: Cell[];
}

/** Long edges go around others by bends, up to so many in all. */
const bends_max = 4_000;

export function layout(nodes: Node[], size: Size): Layout {
  const layer = layers_of(nodes.map((n) => ({ key: n.id, type: '', state: '', parents: n.parents })));
  const cells = new Map<string, Cell>();
  const rows: Cell[][] = [];
  const put = (at: number, width: number, is_bend: boolean): Cell => {
    while (rows.length <= at) rows.push([]);
    const cell: Cell = { layer: at, order: rows[at]!.length, x: 0, want: 0, width, is_bend, up: [], down: [] };
    rows[at]!.push(cell);
    return cell;
  };
  for (const n of nodes) cells.set(n.id, put(layer.get(n.id)!, size.width + size.gap_x, false));
  let bends = 0;
  for (const n of nodes) for (const p of n.parents) {
    if (cells.has(p)) bends += Math.max(0, layer.get(n.id)! - layer.get(p)! - 1);
  }
  const is_bent = bends <= bends_max;
  const chains: { from: string; to: string; cells: Cell[] }[] = [];
  const join = (a: Cell, b: Cell) => { a.down.push(b); b.up.push(a); };
  for (const n of nodes) {
    const to = cells.get(n.id)!;
    for (const p of n.parents) {
      const from = cells.get(p);
      if (!from) continue;
      const chain = [from];
      for (let l = from.layer + 1; is_bent && l < to.layer; ++l) chain.push(put(l, size.gap_x, true));
      chain.push(to);
      for (let i = 1; i < chain.length; ++i) join(chain[i - 1]!, chain[i]!);
      chains.push({ from: p, to: n.id, cells: chain });
    }
  }
  sweep(rows, 'up');
  sweep([...rows].reverse(), 'down');
  sweep(rows, 'up');
  for (const row of rows) spread(row, null);
  for (let i = 0; i < 3; ++i) {
    for (const row of rows) spread(row, 'up');
    for (const row of [...rows].reverse()) spread(row, 'down');
  }
  let least = Infinity;
  let most = -Infinity;
  for (const c of cells.values()) {
    least = Math.min(least, c.x);
    most = Math.max(most, c.x);
  }
  if (cells.size === 0) least = most = 0;
  const step = size.height + size.gap_y;
  const place = (c: Cell): Place => ({ x: c.x - least + size.width / 2, y: c.layer * step + size.height / 2 });
  const places = new Map<string, Place>();
  for (const [id, c] of cells) places.set(id, place(c));
  const edges = chains.map((chain) => ({ from: chain.from, to: chain.to, points: chain.cells.map(place) }));
  return { places, edges, width: most - least + size.width, height: Math.max(0, rows.length * step - size.gap_y) };
}

function sweep(rows: Cell[][], side: 'up' | 'down'): void {
  for (const row of rows) {
    for (const c of row) {
      const near = c[side];
      c.want = near.length ? near.reduce((sum, n) => sum + n.order, 0) / near.length : c.order;
    }
    row.sort((a, b) => a.want - b.want || a.order - b.order);
    row.forEach((c, i) => { c.order = i; });
  }
}

/** The places that are least squares from what each wants, in this order and with room for all
 *  (pool adjacent violators). */
function spread(row: Cell[], side: 'up' | 'down' | null): void {
  let off = 0;
  const offsets = row.map((c, i) => (off += i === 0 ? 0 : (row[i - 1]!.width + c.width) / 2));
  const blocks: { sum: number; n: number; first: number }[] = [];
  row.forEach((c, i) => {
    const all = side ? c[side] : [];
    // Bends of long edges come second.
    const real = c.is_bend ? all : all.filter((n) => !n.is_bend);
    const near = real.length ? real : all;
    // Of neighbours the middle, not the mean: a parent stands above the middle of its children.
    const want = near.length ? (Math.min(...ends(near)) + Math.max(...ends(near))) / 2 : side ? c.x : offsets[i]! - off / 2;
    const weight = near.length ? 1 : 0.05;
    let block = { sum: (want - offsets[i]!) * weight, n: weight, first: i };
    while (blocks.length) {
      const before = blocks[blocks.length - 1]!;
      if (before.sum / before.n <= block.sum / block.n) break;
      block = { sum: before.sum + block.sum, n: before.n + block.n, first: before.first };
      blocks.pop();
    }
    blocks.push(block);
  });
  blocks.forEach((b, k) => {
    const end = blocks[k + 1]?.first ?? row.length;
    for (let i = b.first; i < end; ++i) row[i]!.x = b.sum / b.n + offsets[i]!;
  });
}

function ends(cells: Cell[]): [number, number] {
  let least = Infinity;
  let most = -Infinity;
  for (const c of cells) {
    least = Math.min(least, c.x);
    most = Math.max(most, c.x);
  }
  return [least, most];
}
