// Switches and sliders: each changes the text, and shows what the text says.
import type { Bench } from "./bench";
import { type Setting, type Switches, edits, toggled } from "./switches";

export function SwitchList({ bench }: { bench: Bench }) {
    const layers = bench.switches.value;
    const parameters = bench.parameters.value;
    if (!layers.length && !parameters.length) return null;
    const text = bench.text.value;
    const chosen = bench.session.value?.chosen.value.name;
    return (
        <fieldset class="switches" data-testid="switches" disabled={bench.broken.value}>
            <legend>
                <h2>Turn and switch</h2>
            </legend>
            {parameters.length > 0 && (
                <div class="layer" role="group" aria-label="parameters">
                    <div class="who">
                        <b>parameters</b>
                    </div>
                    <div class="sliders">
                        {parameters.map(({ name, value, most }) => (
                            <Slider
                                key={name}
                                label={name}
                                of="parameters"
                                value={value}
                                most={most}
                                onInput={(to) => bench.change(edits(text, ["parameters", name], to))}
                            />
                        ))}
                    </div>
                </div>
            )}
            {layers.map((layer) => (
                <LayerSwitches
                    key={layer.path.join("/")}
                    bench={bench}
                    layer={layer}
                    chosen={layer.name === chosen}
                />
            ))}
        </fieldset>
    );
}

function LayerSwitches({ bench, layer, chosen }: { bench: Bench; layer: Switches; chosen: boolean }) {
    const text = bench.text.value;
    const off = layer.on === false;
    return (
        <div
            class={`layer ${chosen ? "chosen" : ""} ${off ? "off" : ""}`}
            role="group"
            aria-label={layer.name}
            data-layer={layer.name}
        >
            <div class="who">
                <b>{layer.name}</b> <span class="kind">{layer.kind}</span>
                {layer.on !== null && (
                    <label class="switch">
                        <input
                            type="checkbox"
                            role="switch"
                            checked={layer.on}
                            aria-label={`${layer.name} on`}
                            onChange={() => bench.change(toggled(text, layer))}
                        />
                        <span aria-hidden="true">{layer.on ? "on" : "off"}</span>
                    </label>
                )}
            </div>
            <div class="sliders">
                {layer.settings.map((setting) => (
                    <SettingSlider
                        key={setting.key}
                        bench={bench}
                        layer={layer}
                        setting={setting}
                        off={off}
                    />
                ))}
            </div>
        </div>
    );
}

interface SettingSliderProps {
    bench: Bench;
    layer: Switches;
    setting: Setting;
    off: boolean;
}

function SettingSlider({ bench, layer, setting, off }: SettingSliderProps) {
    if (setting.value === null) {
        return (
            <div class="slider written">
                <span class="name">{setting.key}</span>
                <code>{setting.written || "?"}</code>
            </div>
        );
    }
    return (
        <Slider
            label={setting.key}
            of={layer.name}
            value={setting.value}
            most={setting.most}
            disabled={off}
            onInput={(to) => bench.change(edits(bench.text.peek(), [...layer.path, setting.key], to))}
        />
    );
}

interface SliderProps {
    label: string;
    of: string;
    value: number;
    most: number;
    disabled?: boolean;
    onInput: (to: number) => void;
}

function Slider({ label, of, value, most, disabled = false, onInput }: SliderProps) {
    return (
        <label class="slider">
            <span class="name">
                {label} <output>{value}</output>
            </span>
            <input
                type="range"
                min={1}
                max={most}
                value={value}
                disabled={disabled}
                aria-label={`${label} of ${of}`}
                onInput={(event) => {
                    const to = Number(event.currentTarget.value);
                    if (to !== value) onInput(to);
                }}
            />
        </label>
    );
}
