// Ids that nothing else in the document has. Vue has some of its own since 3.5; Rancher's dashboards before 2.14 bring an older one.
let last = 0;

export function useId(): string {
  return `cd-${++last}`;
}
