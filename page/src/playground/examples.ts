// The models that one can begin with: those of the documentation, and what is worth trying with each.

export interface Example {
    key: string; // of its file, and in an address
    title: string;
    hint: string;
}

export const EXAMPLES: readonly Example[] = [
    {
        key: "pooling",
        title: "pooling (tutorial)",
        hint:
            "Switch pool1 and pool2 off, and watch what one unit of conv3 sees, and what the model then costs. Each " +
            "pooling doubles the step between units, so that all windows behind it reach twice as far.",
    },
    {
        key: "plain",
        title: "no pooling (tutorial)",
        hint: "Set the stride of conv1 and conv2 to 2: strides widen what conv3 sees as pooling does. Or try dilation.",
    },
    {
        key: "resnet",
        title: "ResNet for small images",
        hint: "Move n: each step makes the network six layers deeper. Where does a unit come to see the whole image?",
    },
    {
        key: "resnet50",
        title: "ResNet-50",
        hint: "Most of its field comes from the strides of its stages: set one of them to 1.",
    },
    {
        key: "unet",
        title: "U-Net",
        hint: "Switch pool4 off: what does the bottom see then, and why can the branches no longer be joined?",
    },
    {
        key: "capsnet",
        title: "capsule network",
        hint: "Two large windows in place of pooling: what do they cost?",
    },
    { key: "capsnet_decoder", title: "capsule network with decoder", hint: "Where are its parameters?" },
    { key: "video", title: "video", hint: "Fields here have three axes: how many frames does a unit see?" },
    {
        key: "wavenet",
        title: "WaveNet",
        hint: "Each dilated layer doubles what a unit hears. (It takes a while to work this one out anew.)",
    },
];

/** Where an example lies, and its report, both beside the page. */
export function exampleFiles(key: string): { model: string; report: string } {
    return { model: `examples/${key}.json`, report: `examples/${key}.report.json` };
}
