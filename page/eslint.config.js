import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

const MARKUP = "What a document says is text: it never becomes markup.";

export default tseslint.config(
    { ignores: ["node_modules", "dist"] },
    js.configs.recommended,
    ...tseslint.configs.strict,
    {
        plugins: { "react-hooks": hooks },
        rules: {
            "react-hooks/rules-of-hooks": "error",
            "react-hooks/exhaustive-deps": "error",
            "@typescript-eslint/consistent-type-imports": "error",
            "@typescript-eslint/no-explicit-any": "error",
            "no-eval": "error",
            "no-new-func": "error",
            "no-implied-eval": "error",
            "no-restricted-syntax": [
                "error",
                {
                    selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|srcdoc|cssText)$/]",
                    message: MARKUP,
                },
                {
                    selector:
                        "CallExpression[callee.property.name=/^(insertAdjacentHTML|write|writeln|setHTMLUnsafe)$/]",
                    message: MARKUP,
                },
                {
                    selector: "JSXAttribute[name.name=/^(dangerouslySetInnerHTML|innerHTML|srcdoc)$/]",
                    message: MARKUP,
                },
                {
                    selector: "JSXAttribute[name.name='style'][value.type='Literal']",
                    message: "A style attribute is refused by the page's policy.",
                },
                { selector: "ImportExpression", message: "The page is one script." },
            ],
        },
    },
    { files: ["src/report.d.ts"], rules: { "@typescript-eslint/no-explicit-any": "off" } },
);
