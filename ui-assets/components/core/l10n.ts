// Texts by their keys. A text with `one` and `other` is chosen by `count`; a key without a text shows itself, which the tests refuse.

export interface Tree {
  [key: string]: string | Tree;
}
export type Params = Record<string, string | number>;
export type Translate = (key: string, params?: Params) => string;

export function flatten(tree: Tree, prefix = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === "string") found.set(prefix + key, value);
    else flatten(value, `${prefix}${key}.`).forEach((text, name) => found.set(name, text));
  }
  return found;
}

export function translator(tree: Tree, locale = "en-US"): Translate {
  const texts = flatten(tree);
  const plural = new Intl.PluralRules(locale);
  const number = new Intl.NumberFormat(locale);
  return (key, params = {}) => {
    const count = params["count"];
    const chosen = typeof count === "number" ? texts.get(`${key}.${plural.select(count)}`) ?? texts.get(`${key}.other`) : undefined;
    const text = chosen ?? texts.get(key) ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = params[name];
      return typeof value === "number" ? number.format(value) : (value ?? whole);
    });
  };
}
