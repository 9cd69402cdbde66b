export function toParts(texts: { widget: string; shared: string; more: string }, css: string, build: string): string[];
