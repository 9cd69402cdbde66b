export function renameClasses(texts: readonly string[], css: string): string[];
