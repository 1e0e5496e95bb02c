import { posix } from 'node:path';
import ts from 'typescript';

/** A file of the product: its path from the root with forward slashes, and its text. */
export type SourceFile = { path: string; text: string };

/** What is against the rules, where, and why. */
export type Violation = { path: string; line: number; message: string };

/** What a file is, told by its place and suffix; it decides what the file may do. */
export type FileRole = 'contracts' | 'pure' | 'shell' | 'wiring' | 'infra' | 'web' | 'test';

/**
 * Files of slices that talk to the outside without a suffix that says so: seeds, settings, the programs of a slice, and
 * what keeps secrets out of the log. Everything else without a suffix is pure.
 */
const shellFiles = [
  /^services\/[^/]+\/(seed|settings)\.ts$/,
  /^services\/account\/(credentials|sessions|record-account)\.ts$/,
  /^services\/telemetry\/gateway-process\.ts$/,
];

/** Machinery knows the language's grammar, and the few words it carries: readings, roles, answers. */
const contractsForInfra =
  /^contracts\/(envelope|subjects|decider|registry|recorded|http|rebuild|account\/account|telemetry\/telemetry)\.ts$/;

/** Words of the business that machinery never says. That things come in some order it may. */
const businessWords = /(?:^|[^a-z])(orders|order_(?!by|of)[a-z]+|place_order|jobs?|alerts?)(?:[^a-z]|$)/;

/** Globals that make the same input give another output, or reach outside. */
const impureGlobals = new Set([
  'process',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'crypto',
  'console',
  'performance',
  'WebSocket',
]);

/** Tells what a file is; `undefined` for files that no rule is about. */
export function roleOf(path: string): FileRole | undefined {
  const isTest = /\.(test|contract|fixture)\.ts$|\/fixtures\.ts$|^infra\/(testing|bench|chaos)\/|^web\/e2e\//.test(
    path,
  );
  if (isTest) return 'test';
  if (path.startsWith('contracts/')) return 'contracts';
  if (path.startsWith('infra/')) return 'infra';
  if (path.startsWith('web/src/')) return 'web';
  if (!/^(services|projections)\//.test(path)) return undefined;
  if (/^services\/(api|worker)\/|\/main\.ts$|^services\/telemetry\/import\.ts$|^projections\/[^/]+\.ts$/.test(path))
    return 'wiring';
  const isShell = /\.(routes|reactor|gateway)\.ts$/.test(path) || shellFiles.some((pattern) => pattern.test(path));
  return isShell ? 'shell' : 'pure';
}

/** Everything in a file that the rules forbid. `webPackages` are the packages that the page may load. */
export function violationsIn({ path, text }: SourceFile, webPackages: readonly string[]): Violation[] {
  const role = roleOf(path);
  if (role === undefined || role === 'test') return [];
  const source = ts.createSourceFile(path, scriptOf(path, text), ts.ScriptTarget.Latest, true);
  const found: Violation[] = [];
  const report = (node: ts.Node, message: string): void => {
    found.push({ path, line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1, message });
  };
  const visit = (node: ts.Node): void => {
    const imported = importIn(node);
    const complaint = imported && complaintAbout({ role, path, webPackages }, imported);
    if (complaint !== undefined) report(node, complaint);
    if (role === 'pure') checkPurity(node, report);
    if (role === 'infra') checkWords(node, report);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** In a Svelte component the rules are about its scripts; lines stay where they are. */
function scriptOf(path: string, text: string): string {
  if (!path.endsWith('.svelte')) return text;
  const blank = (part: string): string => part.replaceAll(/[^\n]/g, ' ');
  let script = '';
  let end = 0;
  for (const match of text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)) {
    const start = match.index + match[0].indexOf('>') + 1;
    script += blank(text.slice(end, start)) + (match[1] ?? '');
    end = start + (match[1] ?? '').length;
  }
  return script;
}

type Imported = { specifier: string; isTypeOnly: boolean };

function importIn(node: ts.Node): Imported | undefined {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
    if (!ts.isStringLiteral(node.moduleSpecifier)) return undefined;
    return { specifier: node.moduleSpecifier.text, isTypeOnly: isTypeOnly(node) };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    return argument !== undefined && ts.isStringLiteral(argument)
      ? { specifier: argument.text, isTypeOnly: false }
      : undefined;
  }
  return undefined;
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const clause = node.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const names = clause.namedBindings;
  if (clause.name !== undefined || names === undefined || !ts.isNamedImports(names)) return false;
  return names.elements.length > 0 && names.elements.every((element) => element.isTypeOnly);
}

/** Where an import leads: a file of ours (`contracts/…`), or a package. */
function targetOf(path: string, specifier: string): { file: string } | { packageName: string } {
  if (specifier.startsWith('.')) return { file: posix.join(posix.dirname(path), specifier) };
  const ours = /^@stratum\/(.+)$/.exec(specifier)?.[1];
  return ours === undefined ? { packageName: packageOf(specifier) } : { file: ours };
}

function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}

type Importer = { role: FileRole; path: string; webPackages: readonly string[] };

function complaintAbout(
  { role, path, webPackages }: Importer,
  { specifier, isTypeOnly }: Imported,
): string | undefined {
  const target = targetOf(path, specifier);
  if ('packageName' in target) return packageComplaint(role, target.packageName, webPackages, isTypeOnly);
  const { file } = target;
  if (roleOf(file) === 'test') return `${file} is for tests`;
  const area = file.split('/', 1)[0] ?? '';
  switch (role) {
    case 'contracts':
      return area === 'contracts' ? undefined : 'the contracts know nothing but themselves';
    case 'infra':
      if (area === 'infra') return undefined;
      if (area !== 'contracts') return 'machinery knows no service, no read model and no page';
      return contractsForInfra.test(file) ? undefined : `machinery does not speak ${file}`;
    case 'web':
      return area === 'contracts' || area === 'web' ? undefined : 'the page knows the contracts alone';
    case 'wiring':
      return area === 'web' ? 'the page is served, not imported' : undefined;
    case 'pure':
    case 'shell':
      return sliceComplaint(role, path, file, isTypeOnly);
    case 'test':
      return undefined;
  }
}

function packageComplaint(
  role: FileRole,
  packageName: string,
  webPackages: readonly string[],
  isTypeOnly: boolean,
): string | undefined {
  switch (role) {
    case 'contracts':
      return packageName === 'zod' ? undefined : `the contracts use zod only, not ${packageName}`;
    case 'pure':
      return isTypeOnly || packageName === 'zod' ? undefined : `pure code uses no library but zod, not ${packageName}`;
    case 'web':
      return webPackages.includes(packageName) ? undefined : `the page does not use ${packageName}`;
    default:
      return undefined;
  }
}

/** `services/order` of `services/order/order.ts`. */
const sliceOf = (path: string): string => path.split('/').slice(0, 2).join('/');

function sliceComplaint(role: FileRole, path: string, file: string, isTypeOnly: boolean): string | undefined {
  const area = file.split('/', 1)[0] ?? '';
  if (area === 'contracts') return undefined;
  if (area === 'infra') {
    return role === 'pure' && !isTypeOnly ? 'pure code may name types of the machinery, not use it' : undefined;
  }
  // What every reactor and gateway is given is named once, where it is given.
  if (file === 'services/worker/deps.ts' && isTypeOnly) return undefined;
  if (sliceOf(file) !== sliceOf(path)) return `slices talk by events, not by importing ${sliceOf(file)}`;
  if (role === 'pure' && roleOf(file) !== 'pure' && !isTypeOnly)
    return `pure code does not use ${posix.basename(file)}`;
  return undefined;
}

function checkPurity(node: ts.Node, report: (node: ts.Node, message: string) => void): void {
  if (ts.isPropertyAccessExpression(node)) {
    const text = node.getText();
    if (text === 'Date.now' || text === 'Math.random')
      report(node, `pure code does not call ${text}: it comes with the command`);
  }
  const isDate = ts.isNewExpression(node) && node.expression.getText() === 'Date';
  if (isDate && (node.arguments?.length ?? 0) === 0)
    report(node, 'pure code does not ask for the time: it comes with the command');
  if (ts.isIdentifier(node) && impureGlobals.has(node.text) && isGlobalUse(node)) {
    report(node, `pure code does not use ${node.text}`);
  }
}

/** The identifier stands for itself: not a member's name, not a declaration, not a key. */
function isGlobalUse(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isCallExpression(parent) || ts.isNewExpression(parent)) return parent.expression === node;
  return false;
}

function checkWords(node: ts.Node, report: (node: ts.Node, message: string) => void): void {
  if (!ts.isIdentifier(node) && !ts.isStringLiteral(node) && !ts.isNoSubstitutionTemplateLiteral(node)) return;
  if (ts.isStringLiteral(node) && importIn(node.parent) !== undefined) return;
  const isSentence = node.text.includes(' ');
  const words = node.text.replaceAll(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
  const word = isSentence ? undefined : businessWords.exec(words)?.[1];
  if (word !== undefined) report(node, `machinery never says "${word}"`);
}
