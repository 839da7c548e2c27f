// The graph of a workflow: SVG for what a person can look at, a canvas above 500 nodes.
import { h, s, set } from './dom.js';
import { common_name, depth_for, fold, type Depth, type Item, type Node } from './fold.js';
import { layout, type Layout } from './layout.js';
import { look, order, path_of } from './status.js';

const size = { width: 168, height: 40, gap_x: 18, gap_y: 34 };
const fonts = { key: '600 12px system-ui, sans-serif', type: '11px system-ui, sans-serif' };
export const svg_max = 500;
const fold_above = 120;
const fold_wide = 14;

export interface Graph {
  root: HTMLElement;
  update(items: Item[], selected: string | null): void;
  close(): void;
}

export function graph_view(choose: (key: string) => void): Graph {
  let items: Item[] = [];
  let nodes: Node[] = [];
  let by_id = new Map<string, Node>();
  let home = new Map<string, string>();  // action -> node
  let made: Layout = { places: new Map(), edges: [], width: 0, height: 0 };
  let depth: Depth | null = null;  // null: as it suits
  let unfolded = new Set<string>();
  let selected: string | null = null;
  let near = new Set<string>();
  const view = { x: 0, y: 0, k: 1 };
  let fitted = false;
  let signature = '';

  const svg = s('svg', { class: 'graph-svg', 'aria-hidden': 'true' });
  const layer = s('g');
  svg.append(layer);
  const canvas = h('canvas.graph-canvas', { 'aria-hidden': 'true' });
  const paper = h('div.graph-paper', { tabindex: 0, role: 'img', 'data-k': 'graph',
    'aria-label': 'Graph of the actions. Arrow keys move it, + and - zoom, 0 fits it. The tab Actions has the same as a list.' }, svg, canvas);
  const bar = h('div.graph-bar');
  const root = h('div.graph', bar, paper);
  const is_canvas = () => nodes.length > svg_max;

  function draw_bar(): void {
    const folded = nodes.length !== items.length;
    const button = (text: string, on: () => void, more: object = {}) => h('button.quiet', { type: 'button', onclick: on, 'data-k': `graph-${text}`, ...more }, text);
    set(bar, h('span.dim', `${items.length.toLocaleString('en-US')} actions${folded ? `, alike ones folded into ${nodes.length.toLocaleString('en-US')} nodes` : ''}`),
      h('span.space'),
      items.length > 3 ? [
        button('Fold', () => { unfolded = new Set(); depth = depth_for(items, fold_above, fold_wide) === 'none' ? (fold(items, 'siblings').length < items.length ? 'siblings' : 'layers') : null; rebuild(true); }, { disabled: folded }),
        button('Unfold', () => { depth = 'none'; rebuild(true); }, { disabled: !folded })] : null,
      button('−', () => zoom(1 / 1.3), { 'aria-label': 'zoom out' }), button('+', () => zoom(1.3), { 'aria-label': 'zoom in' }),
      button('Fit', () => { fit(true); }));
  }

  function rebuild(anew: boolean): void {
    nodes = fold(items, depth ?? depth_for(items, fold_above, fold_wide), unfolded);
    by_id = new Map(nodes.map((n) => [n.id, n]));
    home = new Map(nodes.flatMap((n) => n.members.map((m) => [m, n.id] as const)));
    const now = JSON.stringify([nodes.length, nodes.length < 2_000 ? nodes.map((n) => [n.id, n.parents]) : items.length]);
    if (now !== signature || anew) {
      signature = now;
      made = layout(nodes, size);
      if (anew) fitted = false;
    }
    draw_bar();
    svg.classList.toggle('gone', is_canvas());
    canvas.classList.toggle('gone', !is_canvas());
    mark_near();
    if (!fitted && paper.clientWidth > 0) fit(false); else draw();
  }

  function mark_near(): void {
    near = new Set();
    if (!selected) return;
    const up = [home.get(selected)].filter((x): x is string => x !== undefined);
    for (const id of up) if (!near.has(id)) { near.add(id); up.push(...(by_id.get(id)?.parents ?? [])); }
  }

  /** All of it; or, if that would be too small to read, what matters most in the middle. */
  function fit(whole: boolean): void {
    const w = paper.clientWidth;
    const t = paper.clientHeight;
    if (w === 0) return;
    fitted = true;
    touched = false;
    const k = Math.min((w - 40) / Math.max(made.width, 1), (t - 40) / Math.max(made.height, 1));
    const readable = 0.5;
    if (whole || k >= readable) {
      view.k = Math.max(0.005, Math.min(1, k));
      view.x = (w - made.width * view.k) / 2;
      view.y = Math.max(20, Math.min((t - made.height * view.k) / 2, whole ? Infinity : 56));
    } else {
      const rank = (n: Node) => order.indexOf(look(n.state).tone);
      const first = selected && home.has(selected) ? by_id.get(home.get(selected)!) : nodes.reduce((a, b) => (rank(b) < rank(a) ? b : a), nodes[0]!);
      const p = made.places.get(first?.id ?? '') ?? { x: 0, y: 0 };
      view.k = 0.75;
      const middle = made.width * view.k < w ? made.width / 2 : p.x;
      view.x = w / 2 - middle * view.k;
      view.y = Math.min(28, t / 2 - p.y * view.k);
    }
    draw();
  }
  let touched = false;
  function zoom(by: number, at_x = paper.clientWidth / 2, at_y = paper.clientHeight / 2): void {
    const k = Math.max(0.01, Math.min(2.5, view.k * by));
    view.x = at_x - ((at_x - view.x) * k) / view.k;
    view.y = at_y - ((at_y - view.y) * k) / view.k;
    view.k = k;
    touched = true;
    draw();
  }

  let waiting = false;
  function draw(): void {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (is_canvas()) draw_canvas(); else draw_svg();
    });
  }

  // What tells keys apart is often their end.
  const widths = new Map<string, string>();
  const pen = h('canvas').getContext('2d')!;
  function clip(text: string, font: string): string {
    const known = widths.get(font + text);
    if (known !== undefined) return known;
    const most = size.width - 42;
    pen.font = font;
    let out = text;
    for (let keep = text.length - 1; keep > 4 && pen.measureText(out).width > most; --keep) out = `${text.slice(0, Math.ceil(keep * 0.45))}…${text.slice(text.length - Math.floor(keep * 0.55))}`;
    if (widths.size > 20_000) widths.clear();
    widths.set(font + text, out);
    return out;
  }
  const title_of = (n: Node) => (n.members.length === 1 ? n.id : `${n.members.length.toLocaleString('en-US')} × ${common_name(n.members) || n.type}`);
  const under_of = (n: Node) => (n.members.length === 1 ? n.type : `${n.type}, ${look(n.state).word.toLowerCase()}`);

  function draw_svg(): void {
    layer.setAttribute('transform', `translate(${view.x} ${view.y}) scale(${view.k})`);
    const key = `${signature}|${selected}|${nodes.map((n) => n.state).join()}`;
    if (layer.getAttribute('data-drawn') === key) return;
    layer.setAttribute('data-drawn', key);
    layer.replaceChildren();
    for (const e of made.edges) {
      const on = near.has(e.from) && near.has(e.to);
      layer.append(s('path', { d: curve(e.points), class: on ? 'edge on' : 'edge' }));
    }
    for (const n of nodes) {
      const p = made.places.get(n.id)!;
      const l = look(n.state);
      const g = s('g', { class: `node tone-${l.tone}${selected && home.get(selected) === n.id ? ' selected' : ''}`,
        transform: `translate(${p.x - size.width / 2} ${p.y - size.height / 2})`, 'data-id': n.id });
      if (n.members.length > 1) g.append(s('rect', { class: 'behind', x: 4, y: 4, width: size.width, height: size.height, rx: 8 }));
      g.append(s('rect', { class: 'box', width: size.width, height: size.height, rx: 8 }),
        s('path', { d: path_of(l.shape), class: `sign shape-${l.shape}`, transform: 'translate(9 12)' }),
        s('text', { x: 32, y: 17, class: 'key' }, clip(title_of(n), fonts.key)), s('text', { x: 32, y: 31, class: 'type' }, clip(under_of(n), fonts.type)),
        s('title', {}, `${title_of(n)}\n${n.type}: ${l.word}`));
      layer.append(g);
    }
  }

  function curve(points: { x: number; y: number }[]): string {
    const out = size.height / 2;
    let d = `M${points[0]!.x} ${points[0]!.y + out}`;
    for (let i = 1; i < points.length; ++i) {
      const a = { x: points[i - 1]!.x, y: points[i - 1]!.y + out };
      const b = { x: points[i]!.x, y: points[i]!.y - out };
      const mid = (a.y + b.y) / 2;
      d += `C${a.x} ${mid} ${b.x} ${mid} ${b.x} ${b.y}`;
      if (i < points.length - 1) d += `V${b.y + size.height}`;
    }
    return d;
  }

  function draw_canvas(): void {
    const w = paper.clientWidth;
    const t = paper.clientHeight;
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(t * ratio)) {
      canvas.width = Math.round(w * ratio);
      canvas.height = Math.round(t * ratio);
    }
    const c = canvas.getContext('2d')!;
    const style = getComputedStyle(root);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const tones = new Map<string, string>();
    const tone = (state: string) => {
      const name = look(state).tone;
      if (!tones.has(name)) tones.set(name, colour(`--${name}`));
      return tones.get(name)!;
    };
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, w, t);
    c.translate(view.x, view.y);
    c.scale(view.k, view.k);
    const left = -view.x / view.k - size.width;
    const right = (w - view.x) / view.k + size.width;
    const top = -view.y / view.k - size.height;
    const bottom = (t - view.y) / view.k + size.height;
    const in_sight = (p: { x: number; y: number }) => p.x > left && p.x < right && p.y > top && p.y < bottom;
    // Edges: fewer when they would be a fog.
    const edge = colour('--edge');
    c.lineWidth = Math.max(1, 0.6 / view.k);
    c.strokeStyle = edge;
    c.globalAlpha = made.edges.length > 5_000 ? 0.35 : 0.8;
    c.beginPath();
    let drawn = 0;
    const step = Math.max(1, Math.floor(made.edges.length / 30_000));
    for (let i = 0; i < made.edges.length; i += step) {
      const points = made.edges[i]!.points;
      const a = points[0]!;
      const b = points[points.length - 1]!;
      if ((a.y < top && b.y < top) || a.y > bottom || (a.x < left && b.x < left) || (a.x > right && b.x > right)) continue;
      c.moveTo(a.x, a.y + size.height / 2);
      for (const p of points.slice(1)) c.lineTo(p.x, p.y - size.height / 2);
      if (++drawn > 30_000) break;
    }
    c.stroke();
    c.globalAlpha = 1;
    const is_readable = view.k > 0.55;
    const panel = colour('--panel');
    const ink = colour('--ink');
    const dim = colour('--dim');
    for (const n of nodes) {
      const p = made.places.get(n.id)!;
      if (!in_sight(p)) continue;
      const x = p.x - size.width / 2;
      const y = p.y - size.height / 2;
      c.fillStyle = is_readable ? panel : tone(n.state);
      c.fillRect(x, y, size.width, size.height);
      if (is_readable) {
        c.strokeStyle = selected && home.get(selected) === n.id ? colour('--accent') : colour('--line');
        c.lineWidth = selected && home.get(selected) === n.id ? 2 : 1;
        c.strokeRect(x, y, size.width, size.height);
        const l = look(n.state);
        c.save();
        c.translate(x + 9, y + 12);
        c.strokeStyle = tone(n.state);
        c.lineWidth = 1.6;
        c.stroke(new Path2D(path_of(l.shape)));
        c.restore();
        c.fillStyle = ink;
        c.font = fonts.key;
        c.fillText(clip(title_of(n), fonts.key), x + 32, y + 17);
        c.fillStyle = dim;
        c.font = fonts.type;
        c.fillText(clip(under_of(n), fonts.type), x + 32, y + 31);
      } else if (selected && home.get(selected) === n.id) {
        c.strokeStyle = colour('--accent');
        c.lineWidth = 3 / view.k;
        c.strokeRect(x, y, size.width, size.height);
      }
    }
  }

  function hit(e: { clientX: number; clientY: number }): Node | null {
    const box = paper.getBoundingClientRect();
    const x = (e.clientX - box.left - view.x) / view.k;
    const y = (e.clientY - box.top - view.y) / view.k;
    for (const n of nodes) {
      const p = made.places.get(n.id)!;
      if (Math.abs(p.x - x) <= size.width / 2 && Math.abs(p.y - y) <= size.height / 2) return n;
    }
    return null;
  }
  function press(n: Node): void {
    if (n.members.length === 1) return choose(n.id);
    if (n.members.length > svg_max) return choose(n.members[0]!);
    unfolded.add(n.id);
    rebuild(false);
  }

  // One finger or the mouse moves it; two zoom about the point between them, and move it too.
  const fingers = new Map<number, { x: number; y: number }>();
  let moved = false;
  const spread = () => {
    const [a, b] = [...fingers.values()] as [{ x: number; y: number }, { x: number; y: number }];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
  };
  paper.addEventListener('pointerdown', (e) => {
    if (fingers.size === 0) moved = false;
    if (fingers.size === 2) return;
    fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
    moved = moved || fingers.size > 1;
    paper.setPointerCapture(e.pointerId);
  });
  paper.addEventListener('pointermove', (e) => {
    const from = fingers.get(e.pointerId);
    if (!from) return;
    const dx = e.clientX - from.x;
    const dy = e.clientY - from.y;
    if (!moved && Math.abs(dx) + Math.abs(dy) < 4) return;
    moved = true;
    touched = true;
    const before = fingers.size === 2 ? spread() : null;
    fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
    if (before) {
      const after = spread();
      const box = paper.getBoundingClientRect();
      view.x += after.x - before.x;
      view.y += after.y - before.y;
      zoom(after.apart / before.apart, after.x - box.left, after.y - box.top);
    } else {
      view.x += dx;
      view.y += dy;
      draw();
    }
  });
  paper.addEventListener('pointerup', (e) => {
    if (!fingers.delete(e.pointerId) || moved || fingers.size > 0) return;
    const n = hit(e);
    if (n) press(n);
  });
  paper.addEventListener('pointercancel', (e) => { fingers.delete(e.pointerId); });
  paper.addEventListener('wheel', (e) => {
    // Without a modifier the page scrolls: a graph must not catch who reads on.
    if (!e.ctrlKey && !e.metaKey && !e.shiftKey) return;
    e.preventDefault();
    const box = paper.getBoundingClientRect();
    zoom(Math.exp(-(e.deltaY || e.deltaX) / 300), e.clientX - box.left, e.clientY - box.top);
  }, { passive: false });
  paper.addEventListener('keydown', (e) => {
    const by: { [key: string]: [number, number] } = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    const move = by[e.key];
    if (move) { view.x += move[0]; view.y += move[1]; touched = true; draw(); }
    else if (e.key === '+' || e.key === '=') zoom(1.3);
    else if (e.key === '-') zoom(1 / 1.3);
    else if (e.key === '0') fit(true);
    else return;
    e.preventDefault();
    e.stopPropagation();
  });
  const resized = new ResizeObserver(() => { if (items.length) { if (!touched) fit(false); else draw(); } });
  resized.observe(paper);
  const theme = matchMedia('(prefers-color-scheme: dark)');
  const recolour = () => draw();
  theme.addEventListener('change', recolour);

  return {
    root,
    update(next, key) {
      const is_first = items.length === 0;
      items = next;
      selected = key;
      rebuild(is_first);
    },
    close() {
      resized.disconnect();
      theme.removeEventListener('change', recolour);
    },
  };
}
