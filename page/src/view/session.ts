// What a view of a report is at: which model, size, layer and unit. One session belongs to one ReportView.
import { type ReadonlySignal, type Signal, computed, signal } from "@preact/signals";

import type { Model, Report, Sized } from "../report";
import { counterpart, pairing, rowOf, sizeName, sizedAs } from "../model/lookup";
import { type Grid, gridOf, kept, middleUnit, nearestUnit, placesOf, unitTold } from "../model/grid";
import { middleOf } from "../model/units";

/** A layer, by the model that it was chosen in and its name. */
export interface Layer {
    model: number;
    name: string;
}

/** A unit that was chosen, and where in the input its field has its middle: other layers show the unit nearest to that. */
export interface At {
    model: number;
    row: number;
    unit: number[]; // a place for each index of its layer
    place: number[]; // one for each axis of the input
}

export type Mode = "unit" | "pixel";
export type Theme = "light" | "dark" | null;

/** A model that is on view. */
export interface Side {
    index: number; // in report.models
    model: Model;
    sized: Sized;
    lacks: string; // why it is not shown at the size that was asked for; "" where it is
}

/** The row that a side shows, and whether it is the very layer that was asked for. */
export interface Shown {
    index: number;
    same: boolean;
}

export class Session {
    readonly report: Signal<Report>;
    readonly model = signal(0);
    readonly beside: Signal<number | null>;
    readonly size = signal<string | null>(null);
    readonly layer = signal<Layer | null>(null);
    readonly hovered = signal<Layer | null>(null);
    readonly at = signal<At | null>(null);
    readonly hoveredAt = signal<At | null>(null);
    readonly mode = signal<Mode>("unit");
    readonly pixel = signal<number[] | null>(null);
    readonly weights = signal(false);
    readonly gates = signal(false);
    readonly near = signal(false);
    readonly pane = signal<string | null>(null);
    readonly theme = signal<Theme>(null);
    readonly printing = signal(false);

    /** One model, or two side by side. */
    readonly sides: ReadonlySignal<Side[]> = computed(() => {
        const { models } = this.report.value;
        const first = this.model.value in models ? this.model.value : 0;
        const second = this.beside.value;
        const indices = second !== null && second !== first && second in models ? [first, second] : [first];
        // what stands beside is shown at the size of the first, if it can be
        const size = this.size.value ?? sizeName((models[first] as Model).sizes[0] as Sized);
        return indices.map((index) => {
            const model = models[index] as Model;
            return { index, model, ...sizedAs(model, size) };
        });
    });

    /** The layer whose field is shown: the one under the pointer, or else the chosen one. */
    readonly focus: ReadonlySignal<Layer> = computed(() => this.hovered.value ?? this.chosen.value);

    readonly chosen: ReadonlySignal<Layer> = computed(() => {
        const side = this.sides.value[0] as Side;
        const layer = this.layer.value;
        const known = layer && this.sides.value.some((each) => rowOf(each.sized.analysis, layer.name) >= 0);
        if (layer && known) return layer;
        const { layers } = side.sized.analysis;
        return { model: side.index, name: layers[side.model.last ?? 0]?.name ?? "" };
    });

    constructor(report: Report) {
        this.report = signal(report);
        this.beside = signal(report.models.length > 1 ? 1 : null);
    }

    /** The first side that has a layer of this name. */
    home(name: string): Side | undefined {
        return this.sides.value.find((side) => rowOf(side.sized.analysis, name) >= 0);
    }

    /** The row of a side that stands for a layer. */
    shown(side: Side, layer: Layer): Shown {
        const here = rowOf(side.sized.analysis, layer.name);
        if (layer.model === side.index && here >= 0) return { index: here, same: true };
        const other = this.sides.value.find((each) => each.index === layer.model);
        const row = other ? rowOf(other.sized.analysis, layer.name) : -1;
        if (!other || row < 0) return { index: Math.max(here, 0), same: here >= 0 };
        const paired = pairing(this.report.value, other.index, side.index);
        return counterpart(other.sized.analysis, row, side.sized.analysis, paired);
    }

    /** The units of a row. */
    grid(side: Side, row: number): Grid | null {
        return side.sized.fields && gridOf(side.sized.fields, row, this.gates.value);
    }

    /** The unit of a row that is shown: where the pointer is, or else at the chosen one. */
    unit(side: Side, row: number, at = this.hoveredAt.value ?? this.at.value): number[] {
        const grid = this.grid(side, row);
        if (!grid) return [];
        if (!at) return middleUnit(grid);
        const here = at.model === side.index && at.row === row;
        if (here && at.unit.length === grid.sizes.length) return kept(grid, at.unit);
        return nearestUnit(grid, at.place);
    }

    /** A unit of a row, told by a place for each index or each axis of the input, with the place of its field. */
    atUnit(side: Side, row: number, told: readonly number[]): At | null {
        const grid = this.grid(side, row);
        const unit = grid && unitTold(grid, told);
        if (!unit) return null;
        const before = this.at.value?.place;
        // a map that keeps no grid along an axis says nothing of the place along it
        const place = placesOf(grid, unit).map((index, axis) => {
            const units = grid.axes[axis] as Grid["axes"][number];
            return units.extent === 1 ? (before?.[axis] ?? middleOf(units, 0)) : middleOf(units, index);
        });
        return { model: side.index, row, unit, place };
    }

    /** The unit of a row whose field has its middle nearest to a place in the input. */
    atPlace(side: Side, row: number, place: readonly number[]): At | null {
        const grid = this.grid(side, row);
        return grid && { model: side.index, row, unit: nearestUnit(grid, place), place: [...place] };
    }

    choose(side: Side, row: number): void {
        const name = side.sized.analysis.layers[row]?.name;
        if (name === undefined) return;
        this.layer.value = { model: side.index, name };
        this.hovered.value = null;
    }

    hover(side: Side, row: number | null): void {
        const name = row === null ? undefined : side.sized.analysis.layers[row]?.name;
        const now = this.hovered.peek();
        if (name === undefined) this.hovered.value = null;
        else if (now?.name !== name || now.model !== side.index)
            this.hovered.value = { model: side.index, name };
    }
}
