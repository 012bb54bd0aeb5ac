// The style goes with the script, since a UMD file is all that Rancher loads. A constructed sheet is let in by every content policy.
import shared from "../components/style.css?inline";
import own from "./rancher.css?inline";

export function adoptStyle(): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(shared + own);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
