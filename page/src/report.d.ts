// The document rfcalc/report/1, made by `rfcalc report --format json`, shown by the page. The page computes nothing that
// rfcalc has computed: it looks things up here. All numbers are exact integers unless said otherwise.

export interface Report {
  schema: "rfcalc/report/1";
  rfcalc: string; // the version that made it
  models: Model[]; // at least one; the first is the one asked about, then variants of it (--with), or the OTHER model
  comparison: any | null; // rfcalc/comparison/1 (docs/formats.md): the model and its counterfactuals, or the two models
  growth: Growth[]; // one for each spatial axis of the input: the lines of the growth chart
  diff: any | null; // rfcalc/diff/1 where OTHER was given
  image: string | null; // data:image/png|jpeg;base64,... to draw fields on; it is stretched over the input
  rate: number | null; // positions of a time axis each second (1-D models), to say places in seconds too
}

export interface Growth {
  axis: number;
  layers: string[]; // in order; places below are indices into it
  joins: number[]; // places of layers that only bring branches together
  series: {
    names: string[]; // the models that the lines stand for ("original", "plain", ...)
    lines: Point[][]; // the longest first; each further one is a branch
    everywhere: number[]; // places of layers that see the whole axis, whatever its size
  }[];
}
// place, field in positions of the input (null: the whole axis), joins only, exact (else: at most), whole (else gates are cut)
export type Point = [number, number | null, boolean, boolean, boolean];

export interface Model {
  title: string; // its name, or the variant's
  about: string; // what a variant is, in a sentence; "" for a model
  units: string[]; // what positions of the input are counted in, an axis each: "pixels", "samples", "frames"
  tree: Group; // folds of the graph; rows are numbered as in analysis.layers
  sums: (string[] | null)[]; // for each row how its field comes about, for each axis: "10 + (3 - 1) x 4 = 18"
  settings: Record<string, unknown>[]; // for each row what its kind was set to (kernel, stride, padding, ...), {} for none
  sizes: Sized[]; // the first is the one asked for, then --sizes; all have the same rows
  left_out: { extents: number[]; reason: string }[]; // sizes at which the model cannot be built
  last: number | null; // the row of the last map, which is shown at first and whose field stands among the totals
}

// Each row stands once in the tree: in `rows` of one group. Rows of containers (analysis.layers[i].container) too.
export interface Group {
  title: string;
  rows: number[]; // directly in it, in order
  groups: Group[]; // folded parts, in order of their first row
}

export interface Sized {
  extents: (number | null)[]; // spatial extents of the chosen input, null where open
  analysis: Analysis;
  marks: Mark[];
  memory: (number | null)[] | null; // bytes of activations held while each row is computed; null: not known
  fields: Fields | null; // null where the size is open, or rows would be too many
  fields_missing: string; // why, in a sentence; "" where fields are there
}

export interface Mark {
  row: number;
  code:
    | "misaligned"
    | "unproductive"
    | "holes"
    | "global"
    | "unequal-strides"
    | "unknown-op"
    | "assumed"
    | "cut";
  level: "info" | "warning" | "error";
  message: string;
}

export interface Fields {
  of: (number | null)[]; // for each row of the analysis an index into maps; null where it is not known or the row sees nothing
  local: (number | null)[]; // the same with gates cut
  maps: number[][]; // for each axis of the input an index into axes
  // for each of maps the number of the layer's index that goes with each axis of the input: axes with one number share it,
  // as those of a map do that was flattened
  indices: number[][];
  axes: Axis[];
  taps: number[][]; // holes: how many positions are read, left out, read, ... from the first one on
  why: Record<string, string>; // for rows that have no map, by their number: why, in a sentence
  weights: Weights;
}

// What each unit of a map reads of one axis of the input, borders respected (what lies in padding is left out).
export interface Axis {
  extent: number; // units along it; 1 where the map keeps no grid along this axis
  exact: boolean; // false: at most this
  runs: Run[]; // one after the other; counts add up to extent
  // what unit r + k * spans.length would read if there were no border: spans[r] moved by k * advance. null: not known,
  // or without end. The difference to the run is what lies in padding.
  window: { advance: number; spans: [first: number, last: number, taps: number][] } | null;
}
// [count, first_step, last_step, ...spans]; each span [first, last, holes]. Unit k of the run (k = 0 ... count - 1) has
// j = k % spans.length, n = floor(k / spans.length), reads first_j + n * first_step ... last_j + n * last_step;
// first > last: it reads nothing. holes: index into Fields.taps (relative to the first), or -1 where all between is read.
export type Run = [number, number, number, ...[number, number, number][]];

// What each position weighs in a unit (the effective field: path counts). Gates are cut.
export interface Weights {
  of: (number | null)[]; // for each row an index into maps; null where it was not worked out
  maps: number[][]; // for each axis of the input an index into axes
  axes: WeightAxis[];
  profiles: string[]; // base64 of bytes, one a position; 255 is the largest of that profile
  shares: number[]; // [0.5, 0.95]: of the middle unit's weight, for `widths`
  why: Record<string, string>; // for rows that have none, by their number: why, in a sentence
}
export interface WeightAxis {
  units: WeightRun[]; // counts add up to the extent of the map's axis
  middle: number; // the unit that widths are of
  widths: number[]; // how many positions, at the narrowest, hold each of `shares` of its weight
}
// [count, step, ...[profile, first]]: unit k of the run has profile p_j from position first_j + n * step on (j, n as in Run)
export type WeightRun = [number, number, ...[number, number][]];

// rfcalc/analysis/1: docs/formats.md has all of it
export interface Analysis {
  schema: "rfcalc/analysis/1";
  model: { name: string; format: string; source: string };
  inputs: { name: string; shape: (number | null)[]; spatial: (number | null)[] }[];
  input: string; // the input that fields lie in
  layers: Row[];
  totals: any;
  notes: { level: string; code: string; layer: string; message: string }[];
}
export interface Row {
  name: string; kind: string; op: string; inputs: string[]; outputs?: string[]; block?: string; container?: boolean;
  output_shape: (number | null | string)[] | null; spatial: (number | null | string)[];
  receptive_field: (number | null)[] | null; receptive_field_min: (number | null)[] | null;
  local_receptive_field: (number | null)[] | null; effective_stride: (number | null)[] | null;
  effective_padding: (number | null)[] | null; center: (number | null)[] | null; coverage: number | null;
  status: "exact" | "bound" | "unknown"; reason?: string;
  params: { trainable: number | string | null; non_trainable: number | string | null };
  macs: number | string | null; activations: number | string | null; calls?: Row[];
}
