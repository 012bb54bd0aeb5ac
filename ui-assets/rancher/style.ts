// The style goes with the script, since a UMD file is all that Rancher loads. A constructed sheet is let in by every content policy.
import text from "../components/style.css?inline";

export function adoptStyle(): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
